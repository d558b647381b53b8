import { createHmac } from 'node:crypto'

/** What a value is called by whoever has not the key: the same for the same value. HMAC-SHA-256, base64url. */
export function pseudonymOf(name: string, value: string, key: string | Uint8Array): string {
  return createHmac('sha256', key).update(`${name}\n${value}`).digest('base64url')
}

/** Whether a key is long enough that nobody tries them all. */
export function isPseudonymKey(key: unknown): key is string | Uint8Array {
  return (typeof key === 'string' || key instanceof Uint8Array) && Buffer.from(key).length >= 16
}
