import type { MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues } from '@countermark/core/internal'
import { OUTBOUND_REASONS } from '@countermark/outbound/internal'

/** Why a fetch failed; `failed` is an error that is not of ours. */
const FAILURES: readonly string[] = [...OUTBOUND_REASONS, 'failed']

const DOCUMENT: LabelValues = ['issuer_keys', 'status_list', 'introspection']

/** Whether revocations can be asked for or heard of. */
export const REVOCATION_SERVICE_ROW: MetricRow = degradedRow(['revocation'])

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
  degradedRow(['issuer']),
]

/** Everything that this package reports. */
export const METRIC_ROWS: readonly MetricRow[] = [...TOKEN_METRIC_ROWS, APPLIED_METRIC_ROW, ...REVOCATION_METRIC_ROWS]
