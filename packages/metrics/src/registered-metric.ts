import { loadOptionalPeer } from '@countermark/core/internal'
import type { CounterConfiguration, Metric as PromMetric, Registry } from 'prom-client'
import type { Metric } from './metric.ts'
import type { Series } from './series.ts'

/**
 * A register of prom-client, in either of its formats: `register`, or a `Registry` of your own. Written down here, so that
 * programs without prom-client compile.
 */
export interface Register {
  /** The media type of what {@link metrics} writes. */
  readonly contentType: string
  /** Everything that is registered, as text. */
  metrics(): Promise<string>
  /** The metric of this name, if there is one. */
  getSingleMetric(name: string): object | undefined
  /** Adds a metric; throws when the name is taken. */
  registerMetric(metric: object): void
}

const AGGREGATED = { counter: 'sum', gauge: 'max', histogram: 'sum' } as const

/**
 * Puts a metric into a register as prom-client's own of that kind, which learns the values when it is asked for them: a label
 * is hashed in a scrape and in no request.
 */
export function registerMetric(register: Register, name: string, metric: Metric): PromMetric {
  const { help, kind, labels, combine } = metric.row
  const aggregator = combine ?? AGGREGATED[kind]
  const registers = [register as Registry]
  return REGISTERED[kind]({ name, help, labelNames: Object.keys(labels), aggregator, registers }, metric)
}

type Configuration = Omit<CounterConfiguration<string>, 'collect'>

const REGISTERED: Readonly<Record<Metric['row']['kind'], (own: Configuration, metric: Metric) => PromMetric>> = {
  counter: registerCounter,
  gauge: registerGauge,
  histogram: registerHistogram,
}

function registerCounter(own: Configuration, metric: Metric): PromMetric {
  const { Counter } = promClient()
  const counter = new Counter({
    ...own,
    collect() {
      for (const series of metric.collect()) {
        const { labels, value, shown } = series
        // Only what has changed: the others need no hash of their labels.
        if (value === shown) continue
        const isLess = shown !== undefined && value < shown
        // A source that counts anew; prom-client throws for what makes a counter go down.
        if (isLess) this.remove(labels)
        this.inc(labels, isLess ? value : value - (shown ?? 0))
        series.shown = value
      }
    },
  })
  const forget = counter.reset.bind(counter)
  counter.reset = () => {
    forget()
    metric.reset()
  }
  return counter
}

/** A reset takes the values only until they are asked for: how things are may not be said again soon. */
function registerGauge(own: Configuration, metric: Metric): PromMetric {
  const { Gauge } = promClient()
  return new Gauge({
    ...own,
    collect() {
      this.reset()
      // After a reset it would be 0, which nothing says.
      if (own.labelNames?.length === 0) this.remove()
      for (const { labels, value } of metric.collect()) this.set(labels, value)
    },
  })
}

/**
 * prom-client's histogram takes 0.6 µs for an observation, and a decision makes five: this one is counted by us and asked
 * like any other. Its register asks `getForPromString` before `get`, which alone its types promise.
 */
function registerHistogram(own: Configuration, metric: Metric): PromMetric {
  const { Histogram } = promClient()
  const { name, help, aggregator } = own
  const histogram = new Histogram({ ...own, buckets: [...(metric.row.buckets ?? [])] })
  const get = async () => ({
    ...{ name, help, aggregator, type: 'histogram' },
    values: metric.collect().flatMap((series) => linesOf(name, series)),
  })
  return Object.assign(histogram, { get, getForPromString: get, reset: () => metric.reset() })
}

interface Line {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly exemplar?: object | undefined
}

function linesOf(name: string, { labels, value, histogram }: Series): readonly Line[] {
  if (histogram === undefined) return []
  const { bounds, counts, exemplars, sum } = histogram
  let total = 0
  const buckets = counts.map((count, slot): Line => {
    total += count
    return { ...line(`${name}_bucket`, { le: bounds[slot] ?? '+Inf', ...labels }, total), exemplar: exemplars[slot] }
  })
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, value)]
}

function line(metricName: string, labels: Line['labels'], value: number): Line {
  return { metricName, labels, value }
}

/**
 * prom-client, and OpenTelemetry beneath it, loaded when the first metric is made: a program that only imports this package
 * does not pay for them, and need not have them.
 * @throws {@link Misconfigured} `ERR_DEPENDENCY_MISSING`
 */
export function promClient(): typeof import('prom-client') {
  try {
    return require('prom-client')
  } catch (error) {
    return loadOptionalPeer({ name: 'prom-client', neededBy: 'metrics', place: import.meta.url }, error)
  }
}
