import type { AgentRequest, HeaderField, Refusal, RefusalCode } from '@countermark/core'
import { type ChallengeContext, metadataUrl, type ResourceMetadata } from '@countermark/core/internal'
import type { Dpop } from './binding/dpop.ts'

/** What a refused caller is told besides the code. */
export interface ChallengeRules {
  readonly dpop: Dpop | undefined
  /** Whether tokens stand where the application says: a proof beside one tells its scheme. */
  readonly isElsewhere: boolean
  /** URL of our RFC 9728 document, or its path on each of our origins. */
  readonly resourceMetadata: string | undefined
}

/** RFC 6750 section 3.1, RFC 9449 section 7.1, and the OAuth actor profile. Whatever has no row is told without an error. */
const ERRORS: Readonly<Partial<Record<RefusalCode, string>>> = {
  request_malformed: 'invalid_request',
  token_malformed: 'invalid_token',
  token_invalid: 'invalid_token',
  token_expired: 'invalid_token',
  token_audience: 'invalid_token',
  token_revoked: 'invalid_token',
  token_binding_mismatch: 'invalid_token',
  actor_mismatch: 'invalid_token',
  chain_invalid: 'invalid_token',
  key_invalid: 'invalid_token',
  key_revoked: 'invalid_token',
  key_expired: 'invalid_token',
  key_not_yet_valid: 'invalid_token',
  actor_unauthorized: 'actor_unauthorized',
  dpop_proof_invalid: 'invalid_dpop_proof',
  replay_detected: 'invalid_dpop_proof',
  dpop_nonce_required: 'use_dpop_nonce',
}

/** Codes that mean that something else should have been sent: every scheme is offered, none of them with an error. */
const OFFERS: ReadonlySet<RefusalCode> = new Set(['credentials_missing', 'scheme_not_allowed'])

/** Writes `WWW-Authenticate` and `DPoP-Nonce` for a refusal of our guard. */
export function writeTokenChallenge(context: ChallengeContext, rules: ChallengeRules): readonly HeaderField[] {
  const { refusal, request } = context
  // The check that refused has written it.
  if (typeof refusal.hints['challenge'] === 'string') return []
  if (OFFERS.has(refusal.code)) return offers(request, rules)
  const error = ERRORS[refusal.code]
  if (error === undefined || !isAboutTokens(refusal)) return []
  const error_description = refusal.code
  if (!error.includes('dpop') && !isDpop(request, rules)) {
    const bearer = challenge('Bearer', request, { error, ...metadataOf(request, rules), error_description })
    // RFC 9449 section 7.2: a caller that sent a bound token as a bearer learns how to send it.
    return error === 'invalid_token' ? [bearer, ...offerDpop(request, rules)] : [bearer]
  }
  const parameters = { error, ...algorithmsOf(rules), ...metadataOf(request, rules), error_description }
  const dpop = challenge('DPoP', request, parameters)
  return [dpop, ...nonceFor(error, context, rules)]
}

/** What the challenge depends on; `undefined` where it holds a nonce of ours, which is another one each time. */
export function tokenChallengeKind(
  { code }: Refusal,
  request: AgentRequest,
  rules: ChallengeRules,
): string | undefined {
  const isAboutProof = ERRORS[code]?.includes('dpop') === true
  return isAboutProof && rules.dpop !== undefined ? undefined : String(isDpop(request, rules))
}

function isAboutTokens({ code, credential }: Refusal): boolean {
  return credential === 'token' || !SHARED.has(code)
}

/** These codes also come from checks that know nothing of tokens. */
const SHARED: ReadonlySet<RefusalCode> = new Set([
  ...(['request_malformed', 'replay_detected'] as const),
  ...(['key_invalid', 'key_revoked', 'key_expired', 'key_not_yet_valid'] as const),
])

/** RFC 9449 section 7.1: the error is told with the scheme that was used. */
function isDpop({ headers }: AgentRequest, { isElsewhere }: ChallengeRules): boolean {
  if (headers.has('dpop') && (isElsewhere || headers.has('agent-delegation'))) return true
  return /^dpop /i.test(headers.only('authorization') ?? '')
}

/** RFC 6750 section 3.1: a request without a token gets no error. */
function offers(request: AgentRequest, rules: ChallengeRules): readonly HeaderField[] {
  const bearer = challenge('Bearer', request, metadataOf(request, rules))
  return [bearer, ...offerDpop(request, rules)]
}

function offerDpop(request: AgentRequest, rules: ChallengeRules): readonly HeaderField[] {
  if (rules.dpop === undefined) return []
  return [challenge('DPoP', request, { ...algorithmsOf(rules), ...metadataOf(request, rules) })]
}

/** RFC 9449 section 9: worth sending wherever a new proof is worth making. */
function nonceFor(error: string, { environment }: ChallengeContext, { dpop }: ChallengeRules): readonly HeaderField[] {
  const nonce = error.includes('dpop') ? dpop?.issueNonce(environment) : undefined
  return nonce === undefined ? [] : [['DPoP-Nonce', nonce]]
}

type Parameters = Readonly<Record<string, string>>

function algorithmsOf({ dpop }: ChallengeRules): Parameters {
  return dpop === undefined ? {} : { algs: dpop.algorithmNames }
}

function metadataOf(request: AgentRequest, { resourceMetadata }: ChallengeRules): Parameters {
  return resourceMetadata === undefined ? {} : { resource_metadata: metadataUrl(resourceMetadata, request) }
}

/** RFC 9110 section 11.5: old clients for Bearer look for a realm. It is the same for each scheme. */
function challenge(scheme: string, { authority }: AgentRequest, parameters: Parameters): HeaderField {
  const written = Object.entries({ realm: authority, ...parameters }).map(([name, value]) => `${name}="${value}"`)
  return ['WWW-Authenticate', `${scheme} ${written.join(', ')}`]
}

/** What the document says of tokens. */
export interface AcceptedTokens {
  readonly issuers: readonly string[]
  readonly inAuthorization: boolean
  readonly takesCertificates: boolean
  readonly dpop: Dpop | undefined
}

/** Which tokens are taken, as members of the service's RFC 9728 document. */
export function describeTokens({
  issuers,
  inAuthorization,
  takesCertificates,
  dpop,
}: AcceptedTokens): ResourceMetadata {
  return {
    // RFC 9728 section 2: issuer identifiers as RFC 8414 has them; others have no metadata to be found.
    authorization_servers: issuers.filter((issuer) => /^https?:\/\//.test(issuer)),
    bearer_methods_supported: inAuthorization ? ['header'] : [],
    ...(takesCertificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(dpop === undefined ? {} : describeDpop(dpop)),
  }
}

/** Tokens bound to the key of a signature are taken as well, so DPoP is never the only way. */
function describeDpop({ algorithmNames }: Dpop): ResourceMetadata {
  return {
    dpop_signing_alg_values_supported: algorithmNames.split(' '),
    dpop_bound_access_tokens_required: false,
    agent_signatures: { schemes: ['dpop'] },
  }
}
