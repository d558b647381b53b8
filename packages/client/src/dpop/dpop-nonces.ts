/** What each server wants in the next proof (RFC 9449 sections 8 and 9). One entry for each allowed origin at most. */
export interface DpopNonces {
  readonly of: (origin: string) => string | undefined
  /** Reads `DPoP-Nonce` of any answer, successes included (section 8.2). */
  readonly learn: (origin: string, response: Response) => void
}

/** RFC 9449 section 8.1, with a bound. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/

/** Remembers the latest nonce of each origin. */
export function createDpopNonces(): DpopNonces {
  const nonces = new Map<string, string>()
  return {
    of: (origin) => nonces.get(origin),
    learn: (origin, response) => {
      const nonce = response.headers.get('dpop-nonce')
      if (nonce !== null && NONCE.test(nonce)) nonces.set(origin, nonce)
    },
  }
}
