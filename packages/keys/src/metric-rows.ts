import type { Environment, Measurement, MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues, nameLabels, readMetrics } from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import { type CacheEvent, OUTBOUND_REASONS, type OutboundReason } from '@countermark/outbound/internal'
import type { RefusedEntry } from './key-document.ts'

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
