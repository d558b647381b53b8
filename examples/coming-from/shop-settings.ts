import type { Revocations } from '@countermark/delegation'

/** What the programs are told from outside. Each takes the members that it knows. */
export interface ShopSettings {
  /** Who makes tokens, as in `iss`. */
  readonly issuer: string
  /** The key of the issuer, as PEM. */
  readonly publicKey: string
  /** The same key as a JWK Set, and where the set is published. */
  readonly jwks: { readonly keys: readonly object[] }
  readonly jwksUri: string
  /** Path of `agents.json`: which agents there are, and their keys. */
  readonly agentsFile: string
  readonly revocations: Revocations
}

/** For whom tokens are made: this service. */
export const AUDIENCE = 'https://shop.example.com'
