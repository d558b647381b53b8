import { hash, randomBytes } from 'node:crypto'
import { requireKnownOptions } from '@countermark/core'
import { createKnownJoseSigner, signJwt } from '../jose-signer.ts'
import {
  createSigningIdentity,
  IDENTITY_OPTIONS,
  type KeyAtHand,
  type KeyElsewhere,
  type SigningIdentity,
} from '../signing-key.ts'
import type { SigningForm } from './signing-form.ts'

/** Which key proves possession: the one that signs, or another one. */
export type DpopKey = true | KeyAtHand | KeyElsewhere

/** The request that a proof is for. */
interface ProvenRequest {
  readonly method: string
  readonly url: URL
  /** `undefined` where a token is being asked for (RFC 9449 section 5). */
  readonly token: string | undefined
  /** Unix milliseconds, as the receiver's clock has it. */
  readonly nowMs: number
}

/** A proof, and the nonce in it. */
export interface DpopProof {
  readonly text: string
  readonly nonce: string | undefined
}

/** Makes DPoP proofs with one key, and remembers what servers want in them. */
export interface DpopProver {
  readonly prove: (request: ProvenRequest) => Promise<DpopProof>
  readonly nonces: DpopNonces
}

const ID_BYTES = 18

/**
 * Makes proofs of possession (RFC 9449 section 4.2).
 * @throws Misconfigured `ERR_OPTION_UNKNOWN`, `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`, `ERR_KEY_MATERIAL`
 */
export function createDpopProver(key: DpopKey, identity: SigningIdentity): DpopProver {
  if (key !== true) requireKnownOptions('dpop', key, IDENTITY_OPTIONS)
  const signer = createKnownJoseSigner(key === true ? identity : createSigningIdentity(key), 'dpop')
  const header = { typ: 'dpop+jwt', jwk: signer.publicJwk }
  const nonces = createDpopNonces()
  return {
    nonces,
    prove: async ({ method, url, token, nowMs }) => {
      const nonce = nonces.of(url.origin)
      const text = await signJwt(signer, header, {
        jti: randomBytes(ID_BYTES).toString('base64url'),
        htm: method,
        htu: url.origin + url.pathname,
        iat: Math.floor(nowMs / 1000),
        ...(token === undefined ? {} : { ath: hash('sha256', token, 'base64url') }),
        ...(nonce === undefined ? {} : { nonce }),
      })
      return { text, nonce }
    },
  }
}

/** What each server wants in the next proof (RFC 9449 sections 8 and 9). One entry for each allowed origin at most. */
interface DpopNonces {
  readonly of: (origin: string) => string | undefined
  /** Reads `DPoP-Nonce` of any answer, successes included (section 8.2). */
  readonly learn: (origin: string, response: Response) => void
}

/** RFC 9449 section 8.1, with a bound. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/

/** Remembers the latest nonce of each origin. */
function createDpopNonces(): DpopNonces {
  const nonces = new Map<string, string>()
  return {
    of: (origin) => nonces.get(origin),
    learn: (origin, response) => {
      const nonce = response.headers.get('dpop-nonce')
      if (nonce !== null && NONCE.test(nonce)) nonces.set(origin, nonce)
    },
  }
}

/** No signature: a proof of possession beside a token says who calls. An answer must belong to the proof. */
export function createDpopForm(): SigningForm {
  return {
    ownFields: new Set(['dpop']),
    rereadsBlobs: true,
    sign: () => [],
    readChallenge: () => undefined,
    bindingOf: () => ({ oneOf: ['dpop;req'] }),
  }
}
