import { hash } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'

const digests = new WeakMap<object, string>()

/** SHA-256, base64url, of the canonical JSON of a token's claims. Remembered: one token comes with many requests. */
export function claimsDigest(claims: Readonly<Record<string, unknown>>): string {
  const known = digests.get(claims)
  if (known !== undefined) return known
  const digest = hash('sha256', canonicalOrOwn(claims), 'base64url')
  digests.set(claims, digest)
  return digest
}

/** Claims come from JSON, deep or with lone surrogates as it may be: a record must not fail for that. */
function canonicalOrOwn(claims: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalJson(claims)
  } catch {
    return JSON.stringify(claims)
  }
}
