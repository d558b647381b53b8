import type { ChallengeContext, HeaderField, RefusalCode } from '@countermark/core'
import type { Dpop } from './dpop.ts'

/** What a refused caller is told besides the code. */
export interface ChallengeRules {
  readonly dpop: Dpop | undefined
  /** URL of our RFC 9728 document. */
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
  if (OFFERS.has(refusal.code)) return offers(request.authority, rules)
  const error = ERRORS[refusal.code]
  if (error === undefined || !isAboutTokens(context)) return []
  const isDpop = error.includes('dpop') || /^dpop /i.test(request.headers.only('authorization') ?? '')
  const parameters = isDpop ? { error, ...algorithmsOf(rules) } : { error, ...metadataOf(rules) }
  const described = { ...parameters, error_description: refusal.code }
  return [['WWW-Authenticate', write(isDpop ? 'DPoP' : 'Bearer', described)], ...nonceFor(error, context, rules)]
}

/** These codes also come from checks that know nothing of tokens. */
function isAboutTokens({ refusal }: ChallengeContext): boolean {
  if (refusal.code === 'request_malformed') return refusal.hints['token'] === true
  return refusal.code !== 'replay_detected' || refusal.hints['dpop'] === true
}

function offers(realm: string, rules: ChallengeRules): readonly HeaderField[] {
  const bearer: HeaderField = ['WWW-Authenticate', write('Bearer', { realm, ...metadataOf(rules) })]
  if (rules.dpop === undefined) return [bearer]
  return [bearer, ['WWW-Authenticate', write('DPoP', algorithmsOf(rules))]]
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

function metadataOf({ resourceMetadata }: ChallengeRules): Parameters {
  return resourceMetadata === undefined ? {} : { resource_metadata: resourceMetadata }
}

function write(scheme: string, parameters: Parameters): string {
  const written = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return [scheme, written.join(', ')].join(' ').trimEnd()
}
