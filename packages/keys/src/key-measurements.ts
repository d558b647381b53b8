import type { Environment, Measurement, MetricRow } from '@countermark/core'
import { nameLabels, readMetrics } from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import type { CacheEvent, OutboundReason } from '@countermark/outbound/internal'
import type { RefusedEntry } from './key-description.ts'
import { METRIC_ROWS } from './metric-rows.ts'

/** What became of a fetch. `failed` is an error that is not ours. */
type FetchResult = 'ok' | 'not_found' | 'failed' | OutboundReason

/** Reports what a source does, by closed names and labels. */
export interface KeyMeasurements {
  readonly cacheEvent: (event: CacheEvent, environment: Environment, error?: unknown) => void
  readonly refusedEntries: (refused: readonly RefusedEntry[], environment: Environment) => void
  /** What is reported here. */
  readonly metrics: readonly MetricRow[]
}

const CACHE_EVENTS: readonly CacheEvent[] = ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget']
const SECOND_LEVEL: readonly (readonly [event: CacheEvent, result: string])[] = [
  ['second_level_hit', 'hit'],
  ['second_level_miss', 'miss'],
  ['second_level_failed', 'failed'],
]

/** Makes the measurements of one source. Those of a request's path are made once, not per request. */
export function createKeyMeasurements(source: string): KeyMeasurements {
  const fixed = new Map<CacheEvent, Measurement>()
  for (const result of CACHE_EVENTS) fixed.set(result, count('key_cache_total', { source, result }))
  for (const [event, result] of SECOND_LEVEL) fixed.set(event, count('key_second_level_total', { source, result }))
  let isFailing = false
  return {
    metrics: readMetrics(nameLabels(METRIC_ROWS, { source }), { degraded: () => (isFailing ? 1 : 0) }),
    cacheEvent: (event, environment, error) => {
      const measurement = fixed.get(event)
      if (measurement !== undefined) return environment.report(measurement)
      const result = toResult(event, error)
      environment.report(count('key_fetches_total', { source, result }))
      isFailing = result !== 'ok' && result !== 'not_found'
      environment.report(gauge('key_source_failing', isFailing ? 1 : 0, source))
      if (!isFailing) environment.report(fetchedNow(source, environment))
    },
    refusedEntries: (refused, environment) => {
      for (const reason of refused) environment.report(count('key_entries_refused_total', { source, reason }))
    },
  }
}

function fetchedNow(source: string, { clock }: Environment): Measurement {
  return gauge('key_set_fetched_timestamp_seconds', Math.floor(clock.wallMs() / 1000), source)
}

function gauge(name: string, value: number, source: string): Measurement {
  return { name, kind: 'gauge', value, labels: { source } }
}

function toResult(event: CacheEvent, error: unknown): FetchResult {
  if (event === 'loaded') return 'ok'
  if (event === 'not_found') return 'not_found'
  return isOutboundError(error) ? error.reason : 'failed'
}

function count(name: string, labels: Readonly<Record<string, string>>): Measurement {
  return { name, kind: 'counter', value: 1, labels }
}
