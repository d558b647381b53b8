import { hash } from 'node:crypto'
import { Refusal } from '../refusal/refusal.ts'

/**
 * The members that make up a public key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037). Spelt out, because
 * `JsonWebKey` has another home in each major version of `@types/node`.
 */
export interface PublicJwk {
  readonly kty?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

/** The members that make up a key, in the order of RFC 7638 section 3.2 and RFC 8037 section 2. */
const MEMBERS: ReadonlyMap<unknown, readonly (keyof PublicJwk)[]> = new Map([
  ['OKP', ['crv', 'kty', 'x']],
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['RSA', ['e', 'kty', 'n']],
] as const)

/**
 * The JWK SHA-256 thumbprint of a key, base64url (RFC 7638 section 3).
 * @throws {@link Refusal} `key_invalid`
 */
export function thumbprintOf(jwk: PublicJwk): string {
  const members = MEMBERS.get(jwk.kty)
  if (members === undefined) throw new Refusal('key_invalid', 'expected kty OKP, EC or RSA')
  let canonical = ''
  for (const name of members) {
    const value = jwk[name]
    if (typeof value !== 'string') throw new Refusal('key_invalid', `expected the members ${members.join(', ')}`)
    canonical += `${canonical === '' ? '{' : ','}"${name}":${JSON.stringify(value)}`
  }
  return hash('sha256', `${canonical}}`, 'base64url')
}
