import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import { OUTBOUND_REASONS, type OutboundReason } from '@countermark/outbound/internal'
import { REVOCATION_TYPES, type RevocationName } from './revocation/revocation-event.ts'

/** What is fetched from issuers. A closed set, fit for a metric label. */
export type IssuerDocument = 'issuer_keys' | 'status_list' | 'introspection'

/** How a question for a document was answered. */
export const LOOKUP_RESULTS = ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget'] as const

/** One of {@link LOOKUP_RESULTS}. */
export type LookupResult = (typeof LOOKUP_RESULTS)[number]

/** What came of a fetch; `failed` is an error that is not of ours. */
export type FetchResult = 'ok' | 'not_found' | OutboundReason | 'failed'

/** What the verification of tokens reports. */
export interface TokenLabels {
  readonly delegation_tokens_total: { readonly result: 'remembered' | 'verified' | 'refused' | 'overloaded' }
  readonly remembered_tokens: Record<never, string>
  readonly issuer_cache_total: { readonly document: IssuerDocument; readonly result: LookupResult }
  readonly issuer_fetches_total: { readonly document: IssuerDocument; readonly result: FetchResult }
  readonly issuer_document_fetched_timestamp_seconds: { readonly document: IssuerDocument }
  readonly degraded: { readonly dependency: 'issuer' }
}

/** What a list of revocations can tell about itself. */
export interface RevocationLabels {
  readonly revocations_applied_total: { readonly type: RevocationName['type'] }
  readonly revocations: Record<never, string>
  readonly revocation_feed_heard_timestamp_seconds: Record<never, string>
  readonly degraded: { readonly dependency: 'revocation' }
}

const DOCUMENT: readonly IssuerDocument[] = ['issuer_keys', 'status_list', 'introspection']

/** The metrics of a check of tokens. */
export const TOKEN_METRICS: Metrics<TokenLabels> = defineMetrics<TokenLabels>({
  delegation_tokens_total: {
    kind: 'counter',
    help: 'Tokens by what came of them: remembered ones were verified before',
    labels: { result: ['remembered', 'verified', 'refused', 'overloaded'] },
  },
  remembered_tokens: { kind: 'gauge', help: 'Verified tokens that are remembered', labels: {}, combine: 'sum' },
  issuer_cache_total: {
    kind: 'counter',
    help: "Questions for issuers' documents, by how they were answered",
    labels: { document: DOCUMENT, result: LOOKUP_RESULTS },
  },
  issuer_fetches_total: {
    kind: 'counter',
    help: "Fetches of issuers' documents, by what came of them",
    labels: { document: DOCUMENT, result: ['ok', 'not_found', ...OUTBOUND_REASONS, 'failed'] },
  },
  issuer_document_fetched_timestamp_seconds: {
    kind: 'gauge',
    help: "When one of the issuers' documents was last fetched",
    labels: { document: DOCUMENT },
  },
  degraded: { ...degradedRow(['issuer']), labels: { dependency: ['issuer'] } },
})

/** The metrics of a list of revocations. */
export const REVOCATION_METRICS: Metrics<RevocationLabels> = defineMetrics<RevocationLabels>({
  revocations_applied_total: {
    kind: 'counter',
    help: 'Revocations taken over, by what they end',
    labels: { type: REVOCATION_TYPES },
  },
  revocations: { kind: 'gauge', help: 'Revocations that are remembered', labels: {} },
  revocation_feed_heard_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the feed of revocations was last heard; time() minus it is how stale the list is',
    labels: {},
    combine: 'min',
  },
  degraded: { ...degradedRow(['revocation']), labels: { dependency: ['revocation'] } },
})

/** Everything that this package reports: for the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...TOKEN_METRICS.rows, ...REVOCATION_METRICS.rows]
