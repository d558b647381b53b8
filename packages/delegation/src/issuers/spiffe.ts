import { Refusal } from '@countermark/core'
import { isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'

/** Names a workload (SPIFFE-ID section 2). */
export interface SpiffeId {
  readonly trustDomain: string
  /** Empty, or begins with a slash. */
  readonly path: string
}

const MAX_LENGTH = 2048
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/
const SEGMENT = /^[A-Za-z0-9._-]+$/
const SCHEME = 'spiffe://'

/**
 * Reads a SPIFFE ID strictly: nothing is decoded, lower-cased or resolved, so an id has one spelling.
 * @throws {@link Refusal} `token_invalid`
 */
export function parseSpiffeId(text: string): SpiffeId {
  if (text.length > MAX_LENGTH || !text.startsWith(SCHEME)) throw invalid()
  const [trustDomain = '', ...segments] = text.slice(SCHEME.length).split('/')
  if (!TRUST_DOMAIN.test(trustDomain) || !segments.every(isSegment)) throw invalid()
  return { trustDomain, path: text.slice(SCHEME.length + trustDomain.length) }
}

/** Whom a token speaks of. */
interface Named {
  readonly subject: string
  readonly actor: { readonly id: string }
  readonly priorActors: readonly { readonly id: string }[]
}

/**
 * Refuses a trust domain that names the workloads of another one, as subjects or as actors.
 * @throws {@link Refusal} `token_invalid`
 */
export function requireOwnWorkloads(trustDomain: string | undefined, { subject, actor, priorActors }: Named): void {
  if (trustDomain === undefined) return
  const ids = [subject, ...[actor, ...priorActors].map(({ id }) => id)].map(parseSpiffeId)
  // Without a path an id names the domain itself (SPIFFE-ID section 2.2).
  if (ids.every((id) => id.trustDomain === trustDomain && id.path !== '')) return
  throw new Refusal('token_invalid', 'the token must name workloads of its own trust domain')
}

/** The trust domain of an issuer that is one, such as `spiffe://example.org`; `undefined` for every other issuer. */
export function trustDomainOf(issuer: string): string | undefined {
  const name = issuer.startsWith(SCHEME) ? issuer.slice(SCHEME.length) : ''
  return TRUST_DOMAIN.test(name) ? name : undefined
}

function isSegment(segment: string): boolean {
  return SEGMENT.test(segment) && segment !== '.' && segment !== '..'
}

function invalid(): Refusal {
  return new Refusal('token_invalid', 'the token must name workloads by SPIFFE IDs such as spiffe://example.org/agent')
}

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
