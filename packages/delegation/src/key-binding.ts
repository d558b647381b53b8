import { importPublicKey, isRefusal, Refusal } from '@countermark/core'
import type { ImportedKey, ImportPublicKey } from '@countermark/core/internal'
import { isJsonObject, type JsonObject, ownMember } from './strict-json.ts'

/** The key that a token is bound to (RFC 7800). */
export type KeyBinding =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'jwk' | 'kid' | 'jkt'
      /** JWK SHA-256 thumbprint, base64url. */
      readonly thumbprint: string
      /** Known where the token holds the key itself. */
      readonly key: ImportedKey | undefined
    }
  | {
      readonly kind: 'x5t#S256'
      /** SHA-256 of the certificate in DER, base64url. */
      readonly certificateHash: string
    }

/** Members that name a key; RFC 7800 section 3.1 allows one of them. Those that are not understood count as well. */
const KEY_MEMBERS = ['jwk', 'jwe', 'kid', 'jku', 'jkt', 'x5t#S256']

const NONE: KeyBinding = Object.freeze({ kind: 'none' })
const SHA256 = /^[A-Za-z0-9_-]{43}$/

/**
 * Reads `cnf`. A binding that is not understood is not ignored.
 * @throws {@link Refusal} `token_binding_mismatch`, `token_invalid`
 */
export function readKeyBinding(
  claims: JsonObject,
  allowTestKeys: boolean,
  importKey: ImportPublicKey = importPublicKey,
): KeyBinding {
  if (!Object.hasOwn(claims, 'cnf')) return NONE
  const cnf = ownMember(claims, 'cnf')
  if (!isJsonObject(cnf)) throw mismatch('has a cnf that is no object')
  const [kind, ...more] = KEY_MEMBERS.filter((member) => Object.hasOwn(cnf, member))
  if (kind === undefined || more.length > 0) throw mismatch('must be bound to exactly one key')
  const value = ownMember(cnf, kind)
  if (kind === 'jwk' && isJsonObject(value)) return bindToKey(importKey, value, allowTestKeys)
  if (typeof value !== 'string' || !SHA256.test(value)) throw mismatch('is bound in a way that is not understood')
  if (kind === 'kid' || kind === 'jkt') return Object.freeze({ kind, thumbprint: value, key: undefined })
  if (kind === 'x5t#S256') return Object.freeze({ kind, certificateHash: value })
  throw mismatch('is bound in a way that is not understood')
}

function bindToKey(importKey: ImportPublicKey, jwk: JsonObject, allowTestKeys: boolean): KeyBinding {
  try {
    const key = importKey(jwk, { allowTestKeys })
    return Object.freeze({ kind: 'jwk', thumbprint: key.thumbprint, key })
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Refusal('token_invalid', 'the token is bound to a key that cannot be used', { cause: error })
  }
}

function mismatch(why: string): Refusal {
  return new Refusal('token_binding_mismatch', `the token ${why}`)
}
