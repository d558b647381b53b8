import type { Environment, MetricRow } from '@countermark/core'
import { degradedRow, type Measurement } from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import type { CacheEvent } from '@countermark/outbound/internal'
import type { RefusedEntry } from '../key-document.ts'
import { type CacheResult, type FetchResult, FILE_METRICS, REMOTE_METRICS } from '../metric-rows.ts'

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
