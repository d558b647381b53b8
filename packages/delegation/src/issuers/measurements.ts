import type { Environment } from '@countermark/core'
import { isOutboundError } from '@countermark/outbound'
import type { CacheEvent } from '@countermark/outbound/internal'
import {
  type FetchResult,
  type IssuerDocument,
  LOOKUP_RESULTS,
  type LookupResult,
  TOKEN_METRICS,
} from '../metric-rows.ts'

/** What a cache of issuers' documents does. */
export interface IssuerMeasurements {
  readonly observe: (event: CacheEvent, environment: Environment, error?: unknown) => void
  /** Whether the last fetch failed. */
  readonly isFailing: () => boolean
}

/** Reports what a cache of issuers' documents does. Those of a request's path are made once, not per request. */
export function createIssuerMeasurements(document: IssuerDocument): IssuerMeasurements {
  const { measure } = TOKEN_METRICS
  const toLookup = (result: LookupResult) => [result, measure('issuer_cache_total', 1, { document, result })] as const
  const lookups = new Map<CacheEvent, ReturnType<typeof toLookup>[1]>(LOOKUP_RESULTS.map(toLookup))
  let isFailing = false
  return {
    isFailing: () => isFailing,
    observe: (event, { report, clock }, error) => {
      const lookup = lookups.get(event)
      if (lookup !== undefined) return report(lookup)
      const result = fetchResult(event, error)
      report(measure('issuer_fetches_total', 1, { document, result }))
      isFailing = result !== 'ok' && result !== 'not_found'
      const now = Math.floor(clock.wallMs() / 1000)
      if (!isFailing) report(measure('issuer_document_fetched_timestamp_seconds', now, { document }))
    },
  }
}

function fetchResult(event: CacheEvent, error: unknown): FetchResult {
  if (event === 'loaded') return 'ok'
  if (event === 'not_found') return 'not_found'
  return isOutboundError(error) ? error.reason : 'failed'
}
