import { type AgentKey, Refusal, type Scheme, type SignatureAlgorithm } from '@countermark/core'

/** What a key is about to be used for. */
export interface KeyUse {
  /** `undefined` where no agent presents a credential, such as a server's own signature. */
  readonly scheme: Scheme | undefined
  /** As the message states it. */
  readonly algorithm: SignatureAlgorithm | undefined
  /** Allowed here. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Unix milliseconds. */
  readonly nowMs: number
}

/**
 * Whether a key may be used at all, before anything is computed with it.
 * @throws Refusal `key_revoked`, `key_expired`, `key_not_yet_valid`, `key_invalid`, `algorithm_not_allowed`
 */
export function checkKey(key: AgentKey, use: KeyUse): void {
  const nowSeconds = use.nowMs / 1000
  if (key.state !== 'active') throw new Refusal('key_revoked', 'the key was revoked')
  if (key.notBefore !== undefined && !(key.notBefore <= nowSeconds)) {
    throw new Refusal('key_not_yet_valid', 'the key is not valid yet')
  }
  if (key.notAfter !== undefined && !(nowSeconds <= key.notAfter)) {
    throw new Refusal('key_expired', 'the key is past its end')
  }
  if (use.scheme !== undefined && !isUsableFor(key, use.scheme)) {
    throw new Refusal('key_invalid', 'the key may not be used for this form of signature')
  }
  checkAlgorithm(key.algorithm, use)
}

/** RFC 9421 section 3.2: wherever an algorithm is stated it must be the same, and it must be allowed. */
function checkAlgorithm(algorithm: SignatureAlgorithm, { algorithm: stated, algorithms }: KeyUse): void {
  if (stated !== undefined && stated !== algorithm) {
    throw new Refusal('algorithm_not_allowed', 'the stated algorithm is not the algorithm of the key')
  }
  if (!algorithms.includes(algorithm)) {
    throw new Refusal('algorithm_not_allowed', `expected one of ${algorithms.join(', ')}`)
  }
}

/** A key for `simple-v0` signs text that strangers choose in part: it is good for nothing else. */
function isUsableFor(key: AgentKey, scheme: Scheme): boolean {
  if (key.schemes === undefined) return scheme !== 'simple-v0'
  if (key.schemes.includes('simple-v0')) return scheme === 'simple-v0' && key.schemes.length === 1
  return key.schemes.includes(scheme)
}
