import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'
import { API_REFUSAL_CODES, type ApiRefusalCode } from './http/codes.ts'
import { GRANT_NAMES, type GrantName, TOKEN_OPERATIONS, type TokenOperation } from './tokens/issuing/grant-names.ts'
import { OAUTH_ERROR_CODES, type OAuthErrorCode } from './tokens/oauth-error.ts'
import { LIST_FAILURES, type ListFailure } from './trust/trust-list.ts'

interface Labels {
  readonly tokens_issued_total: { readonly grant: GrantName }
  readonly tokens_refused_total: { readonly operation: TokenOperation; readonly error: OAuthErrorCode }
  readonly tokens_revoked_total: Readonly<Record<never, string>>
  readonly token_refusals_unrecorded_total: Readonly<Record<never, string>>
  readonly event_notices_total: { readonly result: 'taken' | 'refused' | 'failed' }
  readonly event_lines_lost_total: { readonly kind: 'webhook' | 'ssf-push' | 'ssf-poll' }
  readonly trust_lists_refreshed_total: { readonly result: 'taken' | ListFailure }
  readonly api_refused_total: { readonly code: ApiRefusalCode }
}

interface DoorLabels {
  readonly door_streams: Readonly<Record<never, string>>
  readonly door_streams_refused_total: { readonly limit: 'token' | 'all' }
}

/** What the authority reports. */
export const TOKEN_METRICS: Metrics<Labels> = defineMetrics<Labels>({
  tokens_issued_total: { kind: 'counter', help: 'Tokens that were issued', labels: { grant: GRANT_NAMES } },
  tokens_refused_total: {
    kind: 'counter',
    help: 'Requests for tokens, or about tokens, that were refused',
    labels: { operation: TOKEN_OPERATIONS, error: OAUTH_ERROR_CODES },
  },
  tokens_revoked_total: { kind: 'counter', help: 'Tokens that were revoked', labels: {} },
  token_refusals_unrecorded_total: {
    kind: 'counter',
    help: 'Refusals at the endpoints of tokens that the audit trail did not take',
    labels: {},
  },
  event_notices_total: {
    kind: 'counter',
    help: 'Notices of events, by what their receivers did with them; those that failed are sent again',
    labels: { result: ['taken', 'refused', 'failed'] },
  },
  event_lines_lost_total: {
    kind: 'counter',
    help: 'Lines that were deleted before a receiver took them: it was away for longer than they are kept',
    labels: { kind: ['webhook', 'ssf-push', 'ssf-poll'] },
  },
  trust_lists_refreshed_total: {
    kind: 'counter',
    help: 'Trust lists of other authorities that were fetched, by what became of them',
    labels: { result: ['taken', ...LIST_FAILURES] },
  },
  api_refused_total: {
    kind: 'counter',
    help: 'Requests to the API that were refused once their caller was known, or without one',
    labels: { code: API_REFUSAL_CODES },
  },
})

/** What is told of doors. */
export const DOOR_METRICS: Metrics<DoorLabels> = defineMetrics<DoorLabels>({
  door_streams: { kind: 'gauge', help: 'Streams of stops that doors hold open', labels: {}, combine: 'sum' },
  door_streams_refused_total: {
    kind: 'counter',
    help: 'Streams that were refused: too many are open with the token, or in all',
    labels: { limit: ['token', 'all'] },
  },
})

/** Every row, for the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...TOKEN_METRICS.rows, ...DOOR_METRICS.rows]
