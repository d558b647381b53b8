import type { Environment, Measurement } from '@countermark/core'
import { isOutboundError } from '@countermark/outbound'
import type { CacheEvent } from '@countermark/outbound/internal'

/** What is fetched from issuers. A closed set, fit for a metric label. */
export type IssuerDocument = 'issuer_keys' | 'status_list' | 'introspection'

const LOOKUPS: readonly CacheEvent[] = ['hit', 'stale', 'miss', 'absent', 'failing', 'over_budget']

/** What a cache of issuers' documents does. */
export interface IssuerMeasurements {
  readonly observe: (event: CacheEvent, environment: Environment, error?: unknown) => void
  /** Whether the last fetch failed. */
  readonly isFailing: () => boolean
}

/** Reports what a cache of issuers' documents does. Those of a request's path are made once, not per request. */
export function createIssuerMeasurements(document: IssuerDocument): IssuerMeasurements {
  const lookups = new Map(LOOKUPS.map((result) => [result, count('issuer_cache_total', { document, result })]))
  let isFailing = false
  return {
    isFailing: () => isFailing,
    observe: (event, environment, error) => {
      const lookup = lookups.get(event)
      if (lookup !== undefined) return environment.report(lookup)
      const result = fetchResult(event, error)
      environment.report(count('issuer_fetches_total', { document, result }))
      isFailing = result !== 'ok' && result !== 'not_found'
      if (!isFailing) environment.report(fetchedNow(document, environment))
    },
  }
}

function fetchedNow(document: IssuerDocument, { clock }: Environment): Measurement {
  const value = Math.floor(clock.wallMs() / 1000)
  return { name: 'issuer_document_fetched_timestamp_seconds', kind: 'gauge', value, labels: { document } }
}

/** One counter for each result, made once. */
export function createCounters<Result extends string>(
  name: string,
  label: string,
  results: readonly Result[],
): Readonly<Record<Result, Measurement>> {
  const counters = results.map((result) => [result, count(name, { [label]: result })] as const)
  return Object.fromEntries(counters) as Record<Result, Measurement>
}

function fetchResult(event: CacheEvent, error: unknown): string {
  if (event === 'loaded') return 'ok'
  if (event === 'not_found') return 'not_found'
  return isOutboundError(error) ? error.reason : 'failed'
}

function count(name: string, labels: Readonly<Record<string, string>>): Measurement {
  return { name, kind: 'counter', value: 1, labels }
}
