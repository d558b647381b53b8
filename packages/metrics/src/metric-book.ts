import type { MetricRow } from '@countermark/core'
import { createMetric, type Metric } from './metric.ts'
import { createSeriesBudget } from './series-budget.ts'

/** All metrics of one register under one prefix. */
export interface MetricBook {
  readonly prefix: string
  /** In the order in which they were described. */
  readonly metrics: ReadonlyMap<string, Metric>
  /** The metric of a row, made when it is new. `name` is without prefix. */
  readonly describe: (row: MetricRow) => Metric
  /** Lines left out because there are too many. */
  readonly refused: () => number
}

/** Creates an empty book; `onNew` learns of each metric by its full name. */
export function createMetricBook(
  prefix: string,
  maxSeries: number,
  onNew: (name: string, metric: Metric, book: MetricBook) => void,
): MetricBook {
  const budget = createSeriesBudget(maxSeries)
  const metrics = new Map<string, Metric>()
  const book: MetricBook = {
    prefix,
    metrics,
    refused: budget.refused,
    describe: (row) => {
      const known = metrics.get(row.name)
      if (known !== undefined) {
        known.describe(row)
        return known
      }
      const metric = createMetric(prefix + row.name, row, budget)
      onNew(prefix + row.name, metric, book)
      metrics.set(row.name, metric)
      return metric
    },
  }
  return book
}
