import { requireNumber, requireObject, requireWord } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'

/** How a refusal looks on the wire, by status mode. One row a code; add rows, never rename them. */
export interface RefusalRow {
  /** What the code means, for people. Sent. */
  readonly title: string
  /** Status in `statusMode: 'standard'`. */
  readonly status: number
  /** Status in `statusMode: 'wba'` (Web Bot Auth). @default status */
  readonly wba?: number
  /** Status in `statusMode: 'seed'`: nothing presented 401, anything invalid 403. @default status */
  readonly seed?: number
  /** Value of `Signature-Error`'s `error` member (draft Signature-Key). Never sent with 403 in standard mode. */
  readonly signatureError?: string
  /** Whether a caller gains by trying again: with a fresh signature, later, or not at all. */
  readonly retry: 'resign' | 'later' | 'no'
  /** `type` of the problem document. @default `urn:agent-auth:error:<code>` */
  readonly type?: string
}

/** A credential that proves nothing: Web Bot Auth and the source documents answer it with 403. */
const UNPROVEN = { status: 401, wba: 403, seed: 403 } as const
/** The same for signatures that are not good now or not good at all. */
const BAD_SIGNATURE = { ...UNPROVEN, signatureError: 'invalid_signature' } as const
/** A token that proves nothing: 401 in Web Bot Auth as well, which has no tokens. */
const BAD_TOKEN = { status: 401, seed: 403 } as const
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

/** The codes of this repository. */
export type BuiltInCode =
  | 'credentials_missing'
  | 'scheme_not_allowed'
  | 'request_malformed'
  | 'headers_too_large'
  | 'authority_mismatch'
  | 'signature_malformed'
  | 'signature_expired'
  | 'signature_not_yet_valid'
  | 'nonce_missing'
  | 'coverage_insufficient'
  | 'algorithm_not_allowed'
  | 'key_unknown'
  | 'key_invalid'
  | 'key_revoked'
  | 'key_expired'
  | 'key_not_yet_valid'
  | 'signature_invalid'
  | 'key_source_unavailable'
  | 'digest_mismatch'
  | 'body_too_large'
  | 'replay_detected'
  | 'replay_store_unavailable'
  | 'freshness_unproven'
  | 'agent_suspended'
  | 'agent_mismatch'
  | 'api_key_unknown'
  | 'api_key_brownout'
  | 'api_key_sunset'
  | 'token_malformed'
  | 'token_invalid'
  | 'token_expired'
  | 'token_audience'
  | 'token_binding_mismatch'
  | 'dpop_proof_invalid'
  | 'dpop_nonce_required'
  | 'actor_mismatch'
  | 'actor_unauthorized'
  | 'chain_invalid'
  | 'token_revoked'
  | 'revocation_unavailable'
  | 'insufficient_scope'
  | 'constraint_violation'
  | 'constraint_unknown'
  | 'approval_required'
  | 'approval_pending'
  | 'budget_store_unavailable'
  | 'idempotency_key_reused'
  | 'idempotency_in_progress'
  | 'idempotency_store_unavailable'
  | 'risk_throttled'
  | 'risk_read_only'
  | 'risk_blocked'
  | 'risk_unavailable'
  | 'policy_denied'
  | 'policy_unavailable'
  | 'rate_limited'
  | 'overloaded'
  | 'audit_unavailable'
  | 'config_error'

/** Every code the packages of this repository can answer with. Documented in docs/refusals.md. */
export const REFUSAL_CODES: Readonly<Record<BuiltInCode, RefusalRow>> = {
  credentials_missing: { title: 'Credentials are missing', status: 401, wba: 403, retry: 'resign' },
  scheme_not_allowed: {
    title: 'This kind of credential is not accepted here',
    ...UNPROVEN,
    signatureError: 'unsupported_scheme',
    retry: 'resign',
  },
  request_malformed: { title: 'The request is malformed', status: 400, signatureError: 'invalid_request', retry: 'no' },
  headers_too_large: { title: 'Too many or too large header fields', status: 431, retry: 'no' },
  authority_mismatch: { title: 'The request names another host', status: 400, retry: 'no' },
  signature_malformed: {
    title: 'The signature fields cannot be parsed',
    status: 400,
    seed: 403,
    signatureError: 'invalid_signature',
    retry: 'no',
  },
  signature_expired: { title: 'The signature is too old', ...BAD_SIGNATURE, retry: 'resign' },
  signature_not_yet_valid: { title: 'The signature was made in the future', ...BAD_SIGNATURE, retry: 'resign' },
  nonce_missing: { title: 'The signature carries no nonce', ...BAD_SIGNATURE, retry: 'resign' },
  coverage_insufficient: {
    title: 'The signature does not cover enough of the request',
    ...UNPROVEN,
    signatureError: 'invalid_input',
    retry: 'resign',
  },
  algorithm_not_allowed: {
    title: 'The signature algorithm is not accepted',
    ...UNPROVEN,
    signatureError: 'unsupported_algorithm',
    retry: 'resign',
  },
  key_unknown: { title: 'The key is not known', ...UNPROVEN, signatureError: 'unknown_key', retry: 'no' },
  key_invalid: { title: 'The key is not usable', ...UNPROVEN, signatureError: 'invalid_key', retry: 'no' },
  key_revoked: { title: 'The key was revoked', ...UNPROVEN, signatureError: 'invalid_key', retry: 'no' },
  key_expired: { title: 'The key is past its end', ...UNPROVEN, signatureError: 'invalid_key', retry: 'no' },
  key_not_yet_valid: { title: 'The key is not valid yet', ...UNPROVEN, signatureError: 'invalid_key', retry: 'no' },
  signature_invalid: { title: 'The signature does not verify', ...BAD_SIGNATURE, retry: 'no' },
  key_source_unavailable: { title: 'The source of keys cannot be reached', status: 503, retry: 'later' },
  digest_mismatch: {
    title: 'The body does not match its digest',
    status: 400,
    seed: 403,
    signatureError: 'invalid_signature',
    retry: 'no',
  },
  body_too_large: { title: 'The body is too large', status: 413, retry: 'no' },
  replay_detected: {
    title: 'The request was seen before',
    status: 401,
    wba: 429,
    seed: 403,
    signatureError: 'invalid_signature',
    retry: 'resign',
  },
  replay_store_unavailable: { title: 'The replay store cannot be reached', status: 503, retry: 'later' },
  freshness_unproven: {
    title: 'Sign the given nonce to prove that the request is fresh',
    ...BAD_SIGNATURE,
    retry: 'resign',
  },
  agent_suspended: { title: 'The agent is suspended', status: 403, retry: 'no' },
  agent_mismatch: { title: 'The key belongs to another agent', status: 403, retry: 'no' },
  api_key_unknown: { title: 'The API key is not known', ...BAD_TOKEN, retry: 'no' },
  api_key_brownout: { title: 'API keys are refused for a while, as announced', status: 403, retry: 'later' },
  api_key_sunset: { title: 'API keys are no longer accepted', ...BAD_TOKEN, retry: 'resign' },
  token_malformed: { title: 'The token cannot be parsed', ...BAD_TOKEN, retry: 'no' },
  token_invalid: { title: 'The token does not verify', ...BAD_TOKEN, retry: 'no' },
  token_expired: { title: 'The token is outside its time', ...BAD_TOKEN, retry: 'no' },
  token_audience: { title: 'The token is meant for another service', ...BAD_TOKEN, retry: 'no' },
  token_binding_mismatch: {
    title: 'Possession of the key the token is bound to is not proven',
    ...BAD_TOKEN,
    retry: 'no',
  },
  dpop_proof_invalid: { title: 'The DPoP proof does not hold', ...BAD_TOKEN, retry: 'resign' },
  dpop_nonce_required: { title: 'Put the given nonce into the DPoP proof', ...BAD_TOKEN, retry: 'resign' },
  actor_mismatch: { title: 'The token was issued to another agent', ...BAD_TOKEN, retry: 'no' },
  actor_unauthorized: { title: 'This actor may not act here', status: 403, retry: 'no' },
  chain_invalid: { title: 'The chain of delegation does not hold', ...BAD_TOKEN, retry: 'no' },
  token_revoked: { title: 'The token was revoked', ...BAD_TOKEN, retry: 'no' },
  revocation_unavailable: { title: 'Whether the token was revoked cannot be told', status: 503, retry: 'later' },
  insufficient_scope: { title: 'What was granted does not cover this', status: 403, retry: 'no' },
  constraint_violation: { title: 'The request goes beyond what was granted', status: 403, retry: 'no' },
  constraint_unknown: { title: 'What was granted has a limit that is not understood here', status: 403, retry: 'no' },
  approval_required: { title: 'A human has to approve this first', status: 403, retry: 'no' },
  approval_pending: { title: 'A human was asked to approve this', status: 202, retry: 'later' },
  budget_store_unavailable: { title: 'Budgets cannot be counted', status: 503, retry: 'later' },
  idempotency_key_reused: { title: 'The idempotency key belongs to another request', status: 422, retry: 'no' },
  idempotency_in_progress: { title: 'The first request with this key is being worked on', status: 409, retry: 'later' },
  idempotency_store_unavailable: { title: 'Idempotency keys cannot be looked up', status: 503, retry: 'later' },
  risk_throttled: { title: 'This agent is slowed down', status: 429, retry: 'later', type: QUOTA_EXCEEDED },
  risk_read_only: { title: 'This agent may only read for now', status: 403, retry: 'no' },
  risk_blocked: { title: 'This agent is stopped for now', status: 403, retry: 'no' },
  risk_unavailable: { title: 'How this agent behaves cannot be told', status: 503, retry: 'later' },
  policy_denied: { title: 'The policy of this service does not allow this', status: 403, retry: 'no' },
  policy_unavailable: { title: 'The policy of this service cannot be asked', status: 503, retry: 'later' },
  rate_limited: { title: 'Too many requests', status: 429, retry: 'later', type: QUOTA_EXCEEDED },
  overloaded: { title: 'Too much is waiting to be verified', status: 503, retry: 'later' },
  audit_unavailable: { title: 'The decision could not be recorded', status: 503, retry: 'later' },
  config_error: { title: 'The guard is not configured correctly', status: 500, retry: 'no' },
}

/** Codes of packages outside this repository: augment it, and pass their rows as `createGuard({ refusals })`. */
// biome-ignore lint/suspicious/noEmptyInterface: an augmentation point has no members of its own
export interface ForeignRefusalCodes {}

/** A code of the table: the word in the problem document, in metrics and in the audit trail. */
export type RefusalCode = BuiltInCode | keyof ForeignRefusalCodes

/** Rows of packages outside this repository, by code. */
export type ForeignRows = Readonly<Record<string, RefusalRow>>

const OWN_ROWS: ForeignRows = REFUSAL_CODES
const NO_ROWS: ForeignRows = {}

/** The row of a code, from this repository or registered by `createGuard({ refusals })`; `undefined` for any other. */
export function rowOf(code: string, foreign: ForeignRows = NO_ROWS): RefusalRow | undefined {
  if (Object.hasOwn(OWN_ROWS, code)) return OWN_ROWS[code]
  return Object.hasOwn(foreign, code) ? foreign[code] : undefined
}

/**
 * Validates the rows of packages outside this repository: a refusal must be answered as one in every status mode.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function requireForeignRows(rows: ForeignRows): ForeignRows {
  requireObject('refusals', rows)
  for (const [code, row] of Object.entries(rows)) {
    if (Object.hasOwn(REFUSAL_CODES, code)) throw invalid(`refusals must not redefine ${code}`)
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(code)) throw invalid('refusal codes are snake_case words')
    requireRow(`refusals.${code}`, row)
  }
  return { ...rows }
}

const MEMBERS = ['title', 'status', 'wba', 'seed', 'signatureError', 'retry', 'type']

function requireRow(name: string, row: RefusalRow): void {
  requireObject(name, row, MEMBERS)
  const { title, status, wba = status, seed = status, signatureError = 'none', type = 'urn:none' } = row
  for (const [member, value] of Object.entries({ status, wba, seed })) {
    requireNumber(`${name}.${member}`, value, { min: 400, max: 599 })
    if (!Number.isInteger(value)) throw invalid(`${name}.${member} must be a whole number`)
  }
  requireWord(`${name}.retry`, row.retry, ['resign', 'later', 'no'])
  if (typeof title !== 'string' || title === '') throw invalid(`${name}.title must say in a few words what is wrong`)
  if (!/^[a-z][a-z_]*$/.test(signatureError)) throw invalid(`${name}.signatureError must be a snake_case word`)
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/.test(type)) throw invalid(`${name}.type must be an absolute URI`)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
