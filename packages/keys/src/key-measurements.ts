import type { Environment, Measurement } from '@countermark/core'
import { type CacheEvent, isOutboundError, type OutboundReason } from '@countermark/outbound'
import type { RefusedEntry } from './key-description.ts'

/** What became of a fetch. `failed` is an error that is not ours. */
export type FetchResult = 'ok' | 'not_found' | 'failed' | OutboundReason

/** Reports what a source does, by closed names and labels. */
export interface KeyMeasurements {
  readonly cacheEvent: (event: CacheEvent, environment: Environment, error?: unknown) => void
  readonly refusedEntries: (refused: readonly RefusedEntry[], environment: Environment) => void
}

const CACHE_EVENTS: readonly CacheEvent[] = ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget']
const SECOND_LEVEL: Readonly<Partial<Record<CacheEvent, string>>> = {
  second_level_hit: 'hit',
  second_level_miss: 'miss',
  second_level_failed: 'failed',
}

/** Makes the measurements of one source. Those of a request's path are made once, not per request. */
export function createKeyMeasurements(source: string): KeyMeasurements {
  const fixed = new Map<CacheEvent, Measurement>()
  for (const result of CACHE_EVENTS) fixed.set(result, count('key_cache_total', { source, result }))
  for (const [event, result] of Object.entries(SECOND_LEVEL)) {
    fixed.set(event as CacheEvent, count('key_second_level_total', { source, result }))
  }
  return {
    cacheEvent: (event, environment, error) => {
      const measurement = fixed.get(event)
      if (measurement !== undefined) environment.report(measurement)
      else reportFetch(source, toResult(event, error), environment)
    },
    refusedEntries: (refused, environment) => {
      for (const reason of refused) environment.report(count('key_entries_refused_total', { source, reason }))
    },
  }
}

function reportFetch(source: string, result: FetchResult, environment: Environment): void {
  environment.report(count('key_fetches_total', { source, result }))
  const value = result === 'ok' || result === 'not_found' ? 0 : 1
  environment.report({ name: 'key_source_failing', kind: 'gauge', value, labels: { source } })
}

function toResult(event: CacheEvent, error: unknown): FetchResult {
  if (event === 'loaded') return 'ok'
  if (event === 'not_found') return 'not_found'
  return isOutboundError(error) ? error.reason : 'failed'
}

function count(name: string, labels: Readonly<Record<string, string>>): Measurement {
  return { name, kind: 'counter', value: 1, labels }
}
