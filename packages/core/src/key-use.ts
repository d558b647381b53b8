import type { AgentKey, Scheme } from './keys/agent-key.ts'
import { Refusal } from './refusal.ts'

/** What an agent's key is about to be used for. */
export interface KeyUse {
  /** `undefined` where no agent presents a credential, such as a server's own signature. */
  readonly scheme: Scheme | undefined
  /** Unix milliseconds. */
  readonly nowMs: number
}

/**
 * Whether an agent's key may be used at all, and for this: by its state, its times and its schemes. They hold each time the key
 * is used: for signatures, for proofs of possession, for links that an agent signs.
 * @throws {@link Refusal} `key_revoked`, `key_not_yet_valid`, `key_expired`, `key_invalid`
 */
export function requireUsableKey(key: AgentKey, { scheme, nowMs }: KeyUse): void {
  const nowSeconds = nowMs / 1000
  if (key.state !== 'active') throw new Refusal('key_revoked', 'the key was revoked')
  if (key.notBefore !== undefined && !(key.notBefore <= nowSeconds)) {
    throw new Refusal('key_not_yet_valid', 'the key is not valid yet')
  }
  if (key.notAfter !== undefined && !(nowSeconds <= key.notAfter)) {
    throw new Refusal('key_expired', 'the key is past its end')
  }
  if (scheme !== undefined && !isUsableFor(key, scheme)) {
    throw new Refusal('key_invalid', 'the key may not be used for this form of signature')
  }
}

/** A key for `simple-v0` signs text that strangers choose in part: it is good for nothing else. */
function isUsableFor(key: AgentKey, scheme: Scheme): boolean {
  if (key.schemes === undefined) return scheme !== 'simple-v0'
  if (key.schemes.includes('simple-v0')) return scheme === 'simple-v0' && key.schemes.length === 1
  return key.schemes.includes(scheme)
}
