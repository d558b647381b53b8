import type { MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues } from '@countermark/core/internal'

/** Kinds of stores that one process may name. */
const STORE: LabelValues = { atMost: 8 }

/** What taking from budgets reports. */
export const BUDGET_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'budget_reservations_total',
    kind: 'counter',
    help: 'Requests that a budget is counted for, by whether there was enough left',
    labels: { store: STORE, result: ['reserved', 'exceeded', 'full'] },
  },
]

/** What a store of budgets in Redis reports. */
export const REDIS_BUDGET_METRIC_ROWS: readonly MetricRow[] = [degradedRow(['budgets'])]

/** Everything that this package reports. */
export const METRIC_ROWS: readonly MetricRow[] = [...BUDGET_METRIC_ROWS, ...REDIS_BUDGET_METRIC_ROWS]
