import type { MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues } from '@countermark/core/internal'

/** Kinds of stores that one process may name. */
const STORE: LabelValues = { atMost: 8 }

/** What answering repeated requests reports. */
export const IDEMPOTENCY_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'idempotent_requests_total',
    kind: 'counter',
    help: 'Requests with an idempotency key, by what the store knew of the key',
    labels: {
      store: STORE,
      result: ['first', 'answered', 'running', 'unkept', 'reused', 'over_quota', 'full'],
    },
  },
]

/** What a store of answers in Redis reports. */
export const REDIS_ANSWER_METRIC_ROWS: readonly MetricRow[] = [degradedRow(['idempotency'])]

/** Everything that this package reports. */
export const METRIC_ROWS: readonly MetricRow[] = [...IDEMPOTENCY_METRIC_ROWS, ...REDIS_ANSWER_METRIC_ROWS]
