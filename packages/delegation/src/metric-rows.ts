import type { LabelValues, MetricRow } from '@countermark/core'

const FAILURES = [
  ...['url_refused', 'address_refused', 'dns_failed', 'connection_failed', 'deadline_exceeded', 'redirected'],
  ...[
    'status_refused',
    'content_type_refused',
    'too_large',
    'too_deep',
    'malformed',
    'over_budget',
    'closed',
    'failed',
  ],
] as const

const DOCUMENT: LabelValues = ['issuer_keys', 'status_list', 'introspection']

const DEGRADED: Pick<MetricRow, 'name' | 'kind' | 'help'> = {
  name: 'degraded',
  kind: 'gauge',
  help: 'Whether a dependency does not answer as it should (1) or does (0)',
}

/** Whether revocations can be asked for or heard of. */
export const REVOCATION_SERVICE_ROW: MetricRow = { ...DEGRADED, labels: { dependency: ['revocation'] } }

/** What a list of revocations can tell about itself. */
export const APPLIED_METRIC_ROW: MetricRow = {
  name: 'revocations_applied_total',
  kind: 'counter',
  help: 'Revocations taken over, by what they end',
  labels: { type: ['token', 'agent', 'key', 'chain', 'user'] },
}

/** The rest of it. */
export const REVOCATION_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'revocations',
    kind: 'gauge',
    help: 'Revocations that are remembered',
    labels: {},
  },
  {
    name: 'revocation_feed_heard_timestamp_seconds',
    kind: 'gauge',
    help: 'When the feed of revocations was last heard; time() minus it is how stale the list is',
    labels: {},
    combine: 'min',
  },
  REVOCATION_SERVICE_ROW,
]

/** What the verification of tokens reports. */
export const TOKEN_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'delegation_tokens_total',
    kind: 'counter',
    help: 'Tokens by what came of them: remembered ones were verified before',
    labels: { result: ['remembered', 'verified', 'refused', 'overloaded'] },
  },
  {
    name: 'remembered_tokens',
    kind: 'gauge',
    help: 'Verified tokens that are remembered',
    labels: {},
    combine: 'sum',
  },
  {
    name: 'issuer_cache_total',
    kind: 'counter',
    help: "Questions for issuers' documents, by how they were answered",
    labels: { document: DOCUMENT, result: ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget'] },
  },
  {
    name: 'issuer_fetches_total',
    kind: 'counter',
    help: "Fetches of issuers' documents, by what came of them",
    labels: { document: DOCUMENT, result: ['ok', 'not_found', ...FAILURES] },
  },
  {
    name: 'issuer_document_fetched_timestamp_seconds',
    kind: 'gauge',
    help: "When one of the issuers' documents was last fetched",
    labels: { document: DOCUMENT },
  },
  { ...DEGRADED, labels: { dependency: ['issuer'] } },
]

/** Everything that this package reports. */
export const METRIC_ROWS: readonly MetricRow[] = [...TOKEN_METRIC_ROWS, APPLIED_METRIC_ROW, ...REVOCATION_METRIC_ROWS]
