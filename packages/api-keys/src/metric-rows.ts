import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'

/** The metrics of this package, with their labels. */
export interface ApiKeyLabels {
  api_key_requests_total: { agent: string; result: 'accepted' | 'brownout' | 'sunset' | 'migrated' }
  api_key_lookups_total: { result: 'known' | 'unknown' | 'unavailable' }
  api_key_sunset_timestamp_seconds: Record<never, never>
}

/** What `apiKeys` reports. */
export const METRICS: Metrics<ApiKeyLabels> = defineMetrics<ApiKeyLabels>({
  api_key_requests_total: {
    kind: 'counter',
    help: 'Requests of known agents with an API key, by what became of the key; migrated: a stronger credential came instead',
    labels: { agent: { atMost: 100 }, result: ['accepted', 'brownout', 'sunset', 'migrated'] },
  },
  api_key_lookups_total: {
    kind: 'counter',
    help: 'API keys looked up',
    labels: { result: ['known', 'unknown', 'unavailable'] },
  },
  api_key_sunset_timestamp_seconds: {
    kind: 'gauge',
    help: 'When API keys end',
    labels: {},
  },
})

/** The rows of this package. */
export const METRIC_ROWS: readonly MetricRow[] = METRICS.rows
