import { createHmac } from 'node:crypto'
import { Misconfigured, requireKnownOptions } from '@countermark/core'

/** How a trail calls addresses and users. */
export interface PseudonymOptions {
  /** A secret of at least 16 bytes: with another one the same user has another name. */
  readonly key: string | Uint8Array
  /** What is hidden. @default both */
  readonly values?: readonly ('address' | 'user')[]
}

/** What a value is called by whoever has not the key: the same for the same value. HMAC-SHA-256, base64url. */
export function pseudonymOf(name: string, value: string, key: string | Uint8Array): string {
  return createHmac('sha256', key).update(`${name}\n${value}`).digest('base64url')
}

/** Whether a key is long enough that nobody tries them all. */
export function isPseudonymKey(key: unknown): key is string | Uint8Array {
  return (typeof key === 'string' || key instanceof Uint8Array) && Buffer.from(key).length >= 16
}

/**
 * Prepares the names that stand for addresses and users. `undefined` where they stand as they are.
 * @throws {@link Misconfigured}
 */
export function readPseudonyms(
  options: PseudonymOptions | undefined,
): ((name: 'address' | 'user', value: string) => string) | undefined {
  if (options === undefined) return undefined
  requireKnownOptions('pseudonyms', options, ['key', 'values'])
  const { key, values = ['address', 'user'] } = options
  if (!isPseudonymKey(key)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'pseudonyms.key must be a secret of at least 16 bytes')
  }
  if (!Array.isArray(values) || !values.every((name) => name === 'address' || name === 'user')) {
    throw new Misconfigured('ERR_OPTION_INVALID', "pseudonyms.values must list 'address', 'user' or both")
  }
  const secret = typeof key === 'string' ? key : Uint8Array.from(key)
  return (name, value) => (values.includes(name) ? pseudonymOf(name, value, secret) : value)
}
