import { type AgentKey, Refusal } from '@countermark/core'
import { type KeyUse, requireUsableKey, type SignatureAlgorithm } from '@countermark/core/internal'

/** What a key is about to verify. */
export interface SignatureUse extends KeyUse {
  /** As the message states it. */
  readonly algorithm: SignatureAlgorithm | undefined
  /** Allowed here. */
  readonly algorithms: readonly SignatureAlgorithm[]
}

/**
 * Whether a key may be used at all, before anything is computed with it.
 * @throws Refusal `key_revoked`, `key_expired`, `key_not_yet_valid`, `key_invalid`, `algorithm_not_allowed`
 */
export function checkKey(key: AgentKey, use: SignatureUse): void {
  requireUsableKey(key, use)
  checkAlgorithm(key.algorithm, use)
}

/** RFC 9421 section 3.2: wherever an algorithm is stated it must be the same, and it must be allowed. */
function checkAlgorithm(algorithm: SignatureAlgorithm, { algorithm: stated, algorithms }: SignatureUse): void {
  if (stated !== undefined && stated !== algorithm) {
    throw new Refusal('algorithm_not_allowed', 'the stated algorithm is not the algorithm of the key')
  }
  if (!algorithms.includes(algorithm)) {
    throw new Refusal('algorithm_not_allowed', `expected one of ${algorithms.join(', ')}`)
  }
}
