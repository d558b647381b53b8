import type { MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues } from '@countermark/core/internal'
import { OUTBOUND_REASONS } from '@countermark/outbound/internal'

/** Sources of keys that one process may name. */
const SOURCE: LabelValues = { atMost: 32 }

/** Why a fetch failed; `failed` is an error that is not of ours. */
const FAILURES: readonly string[] = [...OUTBOUND_REASONS, 'failed']

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
  degradedRow(['keys']),
]
