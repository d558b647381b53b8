import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import type { Reservation } from './budgets/budget-store.ts'

type Labels = {
  readonly budget_reservations_total: { readonly store: string; readonly result: Reservation['outcome'] }
}

/** What taking from budgets reports. */
export const METRICS: Metrics<Labels> = defineMetrics<Labels>({
  budget_reservations_total: {
    kind: 'counter',
    help: 'Requests that a budget is counted for, by whether there was enough left',
    labels: {
      // Kinds of stores that one process may name.
      store: { atMost: 8 },
      result: ['reserved', 'exceeded', 'full'],
    },
  },
})

/** What a store in Redis reports. */
export const REDIS_ROWS: readonly MetricRow[] = [degradedRow(['budgets'])]

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [...METRICS.rows, ...REDIS_ROWS]
