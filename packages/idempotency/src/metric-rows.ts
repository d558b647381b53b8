import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import type { KeyState } from './answer-store.ts'

type Labels = { readonly idempotent_requests_total: { readonly store: string; readonly result: KeyState['state'] } }

/** What answering repeated requests reports. */
export const METRICS: Metrics<Labels> = defineMetrics<Labels>({
  idempotent_requests_total: {
    kind: 'counter',
    help: 'Requests with an idempotency key, by what the store knew of the key',
    labels: {
      // Kinds of stores that one process may name.
      store: { atMost: 8 },
      result: ['first', 'answered', 'running', 'unkept', 'reused', 'over_quota', 'full'],
    },
  },
})

/** What a store in Redis reports. */
export const REDIS_ROWS: readonly MetricRow[] = [degradedRow(['idempotency'])]

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...METRICS.rows, ...REDIS_ROWS]
