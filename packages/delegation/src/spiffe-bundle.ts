import { isJsonObject, type JsonObject, ownMember } from './strict-json.ts'

/** What a SPIFFE bundle is besides a JWK Set (SPIFFE Trust Domain and Bundle, section 4). */
export interface SpiffeBundle {
  /** A JWK Set of the keys that sign JWT-SVIDs, `use` left out. */
  readonly jwks: unknown
  /** Seconds until the publisher wants to be asked again; `undefined` when it does not say. */
  readonly refreshAfterSeconds: number | undefined
}

/**
 * Takes what verifies JWT-SVIDs out of a bundle. Keys of another use, or of none, belong to other documents and are passed
 * over (section 4.2.2); an empty set says that every key is revoked. What is no JWK Set is handed on as it is, to be refused.
 */
export function openSpiffeBundle(value: unknown): SpiffeBundle {
  const keys = isJsonObject(value) ? ownMember(value, 'keys') : undefined
  if (!isJsonObject(value) || !Array.isArray(keys)) return { jwks: value, refreshAfterSeconds: undefined }
  const signing = keys.filter((key) => isJsonObject(key) && ownMember(key, 'use') === 'jwt-svid')
  const hint = ownMember(value, 'spiffe_refresh_hint')
  return {
    jwks: { keys: signing.map(withoutUse) },
    refreshAfterSeconds: typeof hint === 'number' && Number.isSafeInteger(hint) && hint > 0 ? hint : undefined,
  }
}

function withoutUse({ use: _use, ...key }: JsonObject): JsonObject {
  return key
}
