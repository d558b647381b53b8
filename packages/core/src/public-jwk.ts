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
