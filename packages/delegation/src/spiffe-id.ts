import { Refusal } from '@countermark/core'

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
