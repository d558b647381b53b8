import { Misconfigured } from '@countermark/core'
import type { Metric as PromMetric } from 'prom-client'
import type { Metric } from './metric.ts'
import { createMetricBook, type MetricBook } from './metric-book.ts'
import { METRIC_ROWS } from './metric-rows.ts'
import type { Series } from './series.ts'

/** A register of prom-client, in either of its formats. */
export interface Register {
  readonly contentType: string
  metrics(): Promise<string>
  getMetricsAsArray(): readonly unknown[]
  getSingleMetric(name: string): unknown
  registerMetric(metric: PromMetric): void
}

/** A metric as prom-client asks for it. */
export interface Collector {
  /** Without `_total` once a register of OpenMetrics has written it: prom-client changes it there. */
  name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly get: () => Promise<CollectedMetric>
  readonly getForPromString: () => CollectedMetric
  readonly reset: () => void
  /** Written by us instead, behind a line that says where. */
  standsIn: string | undefined
  readonly metric: Metric
  readonly book: MetricBook
}

interface CollectedMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly CollectedValue[]
}

interface CollectedValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly sharedLabels?: Readonly<Record<string, string>>
  value: number
  readonly metricName?: string
  exemplar?: object | undefined
}

/** The metric by which a register's book is found. */
export const MARK = 'build_info'

const COLLECTOR = Symbol.for('countermark.collector')

/** Ours, also when another copy of this package made it, or this one before it was loaded anew. */
export function isCollector(metric: unknown): metric is Collector {
  return typeof metric === 'object' && metric !== null && COLLECTOR in metric
}

/**
 * The book that a register has under a prefix, made when there is none: guards, hot reloads and copies share it.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` when the application has a metric of one of the names
 */
export function openBook(register: Register, prefix: string, maxSeries: number): MetricBook {
  const known = register.getSingleMetric(prefix + MARK)
  if (isCollector(known)) return known.book
  // All before the first one is registered: what is refused leaves nothing behind.
  for (const { name } of METRIC_ROWS) requireFree(register, prefix + name)
  return createMetricBook(prefix, maxSeries, (name, metric, book) => {
    requireFree(register, name)
    // prom-client takes whatever can be asked like a metric; its types know only its own four kinds.
    register.registerMetric(createCollector(name, metric, book) as unknown as PromMetric)
  })
}

function requireFree(register: Register, name: string): void {
  if (register.getSingleMetric(name) === undefined) return
  throw new Misconfigured('ERR_OPTION_INVALID', `the register has a metric ${name} of its own; choose another prefix`)
}

const AGGREGATED = { counter: 'sum', gauge: 'max', histogram: 'sum' } as const

function createCollector(name: string, metric: Metric, book: MetricBook): Collector {
  const { help, kind, combine } = metric.row
  const known = new Map<Series, readonly CollectedValue[]>()
  const asText = (series: Series): readonly CollectedValue[] => {
    const values = known.get(series) ?? toValues(series, name, (labels) => ({ labels: {}, sharedLabels: labels }))
    known.set(series, values)
    return refresh(values, series)
  }
  const asJson = (series: Series): readonly CollectedValue[] =>
    refresh(
      toValues(series, collector.name, (labels) => ({ labels: { ...labels } })),
      series,
    )
  const collect = (read: (series: Series) => readonly CollectedValue[]): CollectedMetric =>
    withValues(collector, metric.collect().flatMap(read))
  const collector: Collector = {
    ...{ name, help, type: kind, aggregator: combine ?? AGGREGATED[kind], standsIn: undefined, metric, book },
    get: async () => collect(asJson),
    getForPromString: () => {
      if (collector.standsIn === undefined) return collect(asText)
      return withValues(collector, [{ labels: {}, value: 0, metricName: collector.standsIn }])
    },
    reset: metric.reset,
  }
  return Object.assign(collector, { [COLLECTOR]: true })
}

function withValues({ name, help, type, aggregator }: Collector, values: readonly CollectedValue[]): CollectedMetric {
  return { name, help, type, aggregator, values }
}

type ShareLabels = (labels: Series['labels']) => Pick<CollectedValue, 'labels' | 'sharedLabels'>

/** The lines of a series, values to be filled in. */
function toValues({ labels, histogram }: Series, name: string, share: ShareLabels): readonly CollectedValue[] {
  if (histogram === undefined) return [{ ...share(labels), value: 0 }]
  const buckets = [...histogram.bounds, '+Inf'].map((le) => {
    const shared = share(labels)
    return { ...shared, labels: { ...shared.labels, le }, value: 0, metricName: `${name}_bucket` }
  })
  const totals = ['sum', 'count'].map((total) => ({ ...share(labels), value: 0, metricName: `${name}_${total}` }))
  return [...buckets, ...totals]
}

function refresh(values: readonly CollectedValue[], { value, histogram }: Series): readonly CollectedValue[] {
  if (histogram === undefined) {
    for (const line of values) line.value = value
    return values
  }
  const { counts, exemplars, sum } = histogram
  let total = 0
  for (const [slot, line] of values.entries()) {
    total += counts[slot] ?? 0
    line.value = slot < counts.length ? total : slot === counts.length ? sum : value
    const exemplar = exemplars[slot]
    line.exemplar = exemplar && { ...exemplar, labelSet: exemplar.labels }
  }
  return values
}
