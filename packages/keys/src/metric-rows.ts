import type { Environment, Measurement, MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import { type CacheEvent, OUTBOUND_REASONS, type OutboundReason } from '@countermark/outbound/internal'
import type { RefusedEntry } from './key-document.ts'

/** What became of a fetch. `failed` is an error that is not ours. */
type FetchResult = 'ok' | 'not_found' | 'failed' | OutboundReason

type CacheResult = 'hit' | 'stale' | 'miss' | 'absent' | 'failing' | 'over_budget'

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

const REMOTE_METRICS: Metrics<RemoteLabels> = defineMetrics<RemoteLabels>({
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

/** Reports what a source does that fetches keys and keeps them. */
export interface KeyMeasurements {
  readonly cacheEvent: (event: CacheEvent, environment: Environment, error?: unknown) => void
  readonly refusedEntries: (refused: readonly RefusedEntry[], environment: Environment) => void
  /** What is reported here. */
  readonly metrics: readonly MetricRow[]
}

const CACHE_RESULTS: readonly CacheResult[] = ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget']

/** Makes the measurements of one source. Those of a request's path are made once, not per request. */
export function createKeyMeasurements(source: string): KeyMeasurements {
  const { measure } = REMOTE_METRICS
  const fixed = new Map<CacheEvent, Measurement>()
  for (const result of CACHE_RESULTS) fixed.set(result, measure('key_cache_total', 1, { source, result }))
  for (const result of ['hit', 'miss', 'failed'] as const) {
    fixed.set(`second_level_${result}`, measure('key_second_level_total', 1, { source, result }))
  }
  let isFailing = false
  return {
    metrics: [
      ...REMOTE_METRICS.rowsOf({ source }),
      ...FILE_METRICS.rowsOf({ source }),
      { ...degradedRow(['keys']), read: () => (isFailing ? 1 : 0) },
    ],
    cacheEvent: (event, { clock, report }, error) => {
      const measurement = fixed.get(event)
      if (measurement !== undefined) return report(measurement)
      const result = toResult(event, error)
      report(FILE_METRICS.measure('key_fetches_total', 1, { source, result }))
      isFailing = result !== 'ok' && result !== 'not_found'
      report(measure('key_source_failing', isFailing ? 1 : 0, { source }))
      if (isFailing) return
      report(measure('key_set_fetched_timestamp_seconds', Math.floor(clock.wallMs() / 1000), { source }))
    },
    refusedEntries: (refused, { report }) => {
      for (const reason of refused) report(FILE_METRICS.measure('key_entries_refused_total', 1, { source, reason }))
    },
  }
}

function toResult(event: CacheEvent, error: unknown): FetchResult {
  if (event === 'loaded') return 'ok'
  if (event === 'not_found') return 'not_found'
  return isOutboundError(error) ? error.reason : 'failed'
}
