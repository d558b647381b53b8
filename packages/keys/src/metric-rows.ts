import type { LabelValues, MetricRow } from '@countermark/core'

/** Sources of keys that one process may name. */
const SOURCE: LabelValues = { atMost: 32 }

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

const REFUSED_ENTRIES = ['malformed', 'key_invalid', 'key_id_invalid', 'key_shared', 'agent_foreign'] as const

/** What a source of keys in a file reports. */
export const FILE_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'key_fetches_total',
    kind: 'counter',
    help: 'Documents of keys that were fetched or read again, by what came of it',
    labels: { source: SOURCE, result: ['ok', 'not_found', ...FAILURES] },
  },
  {
    name: 'key_entries_refused_total',
    kind: 'counter',
    help: 'Keys left out of a document because they cannot be used',
    labels: { source: SOURCE, reason: REFUSED_ENTRIES },
  },
]

/** What a source of keys reports that fetches and keeps them. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'key_cache_total',
    kind: 'counter',
    help: 'Questions for keys, by how they were answered: absent and failing are remembered answers',
    labels: { source: SOURCE, result: ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget'] },
  },
  {
    name: 'key_second_level_total',
    kind: 'counter',
    help: 'Questions to the cache of keys that processes share',
    labels: { source: SOURCE, result: ['hit', 'miss', 'failed'] },
  },
  ...FILE_METRIC_ROWS,
  {
    name: 'key_source_failing',
    kind: 'gauge',
    help: 'Whether the last fetch of keys failed (1) or not (0)',
    labels: { source: SOURCE },
    initial: 0,
  },
  {
    name: 'key_set_fetched_timestamp_seconds',
    kind: 'gauge',
    help: 'When keys were last fetched; time() minus it is the age of the set',
    labels: { source: SOURCE },
  },
  {
    name: 'degraded',
    kind: 'gauge',
    help: 'Whether a dependency does not answer as it should (1) or does (0)',
    labels: { dependency: ['keys'] },
    initial: 0,
  },
]
