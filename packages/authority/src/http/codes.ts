import type { RefusalRow } from '@countermark/core'

/** Codes of the authority. Each has a heading in docs/authority-refusals.md. */
export type AuthorityCode =
  | 'not_found'
  | 'method_not_allowed'
  | 'media_type_unsupported'
  | 'body_malformed'
  | 'input_invalid'
  | 'cursor_invalid'
  | 'role_missing'
  | 'already_exists'
  | 'state_conflict'
  | 'ceiling_exceeded'
  | 'key_taken'
  | 'last_key'
  | 'enrolment_refused'
  | 'precondition_required'
  | 'precondition_failed'
  | 'storage_unavailable'
  | 'streams_exhausted'

declare module '@countermark/core' {
  interface ForeignRefusalCodes extends Readonly<Record<AuthorityCode, true>> {}
}

/** What each of them is answered with. */
export const AUTHORITY_CODES: Readonly<Record<AuthorityCode, RefusalRow>> = {
  not_found: { title: 'Nothing is found under this address', status: 404, retry: 'no' },
  method_not_allowed: { title: 'The resource has no such method', status: 405, retry: 'no' },
  media_type_unsupported: { title: 'The body must be application/json', status: 415, retry: 'no' },
  body_malformed: { title: 'The body must be JSON that every parser reads alike', status: 400, retry: 'no' },
  input_invalid: { title: 'The input does not fit the schema', status: 422, retry: 'no' },
  cursor_invalid: { title: 'The cursor is none of ours', status: 400, retry: 'no' },
  role_missing: { title: 'The caller has no role that allows this', status: 403, retry: 'no' },
  already_exists: { title: 'The name is taken', status: 409, retry: 'no' },
  state_conflict: { title: 'The state does not allow this', status: 409, retry: 'no' },
  ceiling_exceeded: { title: 'This is more than an owner may give', status: 403, retry: 'no' },
  key_taken: { title: 'The public key is registered already', status: 409, retry: 'no' },
  last_key: { title: 'The agent would have no usable key', status: 409, retry: 'no' },
  enrolment_refused: { title: 'The enrolment does not hold', status: 403, retry: 'no' },
  precondition_required: { title: 'State which version is changed', status: 428, retry: 'no' },
  precondition_failed: { title: 'The resource has changed since', status: 412, retry: 'no' },
  storage_unavailable: { title: 'The database cannot be asked', status: 503, retry: 'later' },
  streams_exhausted: { title: 'Doors hold as many streams as they may', status: 503, retry: 'later' },
}

/** Codes of other packages that the API answers with. */
type CodeFromElsewhere =
  | 'credentials_missing'
  | 'actor_unauthorized'
  | 'rate_limited'
  | 'idempotency_key_reused'
  | 'request_malformed'
  | 'body_too_large'
  | 'audit_unavailable'
  | 'config_error'

/** Why the API refused, for the label of a metric. */
export type ApiRefusalCode = AuthorityCode | CodeFromElsewhere | 'other'

/** Every value of that label. */
export const API_REFUSAL_CODES: readonly ApiRefusalCode[] = [
  ...(Object.keys(AUTHORITY_CODES) as AuthorityCode[]),
  ...(['credentials_missing', 'actor_unauthorized', 'rate_limited', 'idempotency_key_reused'] as const),
  ...(['request_malformed', 'body_too_large', 'audit_unavailable', 'config_error'] as const),
  'other',
]

/** The value of the label for a code. */
export function toApiRefusalCode(code: string): ApiRefusalCode {
  return API_REFUSAL_CODES.find((known) => known === code) ?? 'other'
}
