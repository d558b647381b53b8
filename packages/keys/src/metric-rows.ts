import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import { OUTBOUND_REASONS, type OutboundReason } from '@countermark/outbound/internal'
import type { RefusedEntry } from './key-document.ts'

/** What became of a fetch. `failed` is an error that is not ours. */
export type FetchResult = 'ok' | 'not_found' | 'failed' | OutboundReason

/** How a question to the cache was answered. */
export type CacheResult = 'hit' | 'stale' | 'miss' | 'absent' | 'failing' | 'over_budget'

/** Sources of keys that one process may name. */
const source = { atMost: 32 } as const

interface FileLabels {
  key_fetches_total: { source: string; result: FetchResult }
  key_entries_refused_total: { source: string; reason: RefusedEntry }
}

/** What a source of keys in a file reports. */
export const FILE_METRICS: Metrics<FileLabels> = defineMetrics<FileLabels>({
  key_fetches_total: {
    kind: 'counter',
    help: 'Documents of keys that were fetched or read again, by what came of it',
    labels: { source, result: ['ok', 'not_found', ...OUTBOUND_REASONS, 'failed'] },
  },
  key_entries_refused_total: {
    kind: 'counter',
    help: 'Keys left out of a document because they cannot be used',
    labels: { source, reason: ['malformed', 'key_invalid', 'key_id_invalid', 'key_shared', 'agent_foreign'] },
  },
})

interface RemoteLabels {
  key_cache_total: { source: string; result: CacheResult }
  key_second_level_total: { source: string; result: 'hit' | 'miss' | 'failed' }
  key_source_failing: { source: string }
  key_set_fetched_timestamp_seconds: { source: string }
}

/** What a source reports besides that fetches keys and keeps them. */
export const REMOTE_METRICS: Metrics<RemoteLabels> = defineMetrics<RemoteLabels>({
  key_cache_total: {
    kind: 'counter',
    help: 'Questions for keys, by how they were answered: absent and failing are remembered answers',
    labels: { source, result: ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget'] },
  },
  key_second_level_total: {
    kind: 'counter',
    help: 'Questions to the cache of keys that processes share',
    labels: { source, result: ['hit', 'miss', 'failed'] },
  },
  key_source_failing: {
    kind: 'gauge',
    help: 'Whether the last fetch of keys failed (1) or not (0)',
    labels: { source },
    initial: 0,
  },
  key_set_fetched_timestamp_seconds: {
    kind: 'gauge',
    help: 'When keys were last fetched; time() minus it is the age of the set',
    labels: { source },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...REMOTE_METRICS.rows, ...FILE_METRICS.rows, degradedRow(['keys'])]
