import type { KeyObject } from 'node:crypto'
import { type PublicJwk, thumbprintOf } from '@countermark/core/internal'

const jwks = new WeakMap<KeyObject, PublicJwk>()

/** Exporting a key costs as much as the rest of a record, and keys stay the same. */
export function publicJwkOf(key: KeyObject): PublicJwk {
  const known = jwks.get(key)
  if (known !== undefined) return known
  const exported: Readonly<Record<string, unknown>> = { ...key.export({ format: 'jwk' }) }
  const members = Object.entries(exported).filter(([name]) => name !== 'kid' && name !== 'alg')
  const jwk: PublicJwk = Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
  thumbprintOf(jwk)
  jwks.set(key, jwk)
  return jwk
}
