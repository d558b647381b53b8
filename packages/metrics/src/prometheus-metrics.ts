import { Misconfigured, type Observer } from '@countermark/core'
import {
  callback,
  custom,
  type Measurement,
  nested,
  number,
  optionTable,
  requireMethods,
  strings,
} from '@countermark/core/internal'
import { DecisionCounts } from './count-decisions.ts'
import { createAgentLabel, createRouteLabel } from './decision-labels.ts'
import { type MetricBook, openBook, ownMetric } from './metric-book.ts'
import { promClient, type Register } from './registered-metric.ts'
import { observe, set } from './series.ts'
import { type FailureSource, TopFailures } from './top-failures.ts'

/** Which agents are told apart. */
export interface AgentLabelOptions {
  /** Agents shown by their id; all further ones are `other`. @default 100 */
  readonly max?: number
  /** The only agents shown by their id. @default the first that were verified */
  readonly only?: readonly string[]
}

/** Options of {@link prometheusMetrics}. */
export interface PrometheusMetricsOptions {
  /** Where the metrics are registered, of either format. @default the global register of prom-client */
  readonly register?: Register
  /** Begins every name. @default 'countermark_' */
  readonly prefix?: string
  /** Which agents are told apart. @default the first 100 */
  readonly agents?: AgentLabelOptions
  /** Routes that are told apart; all further ones are `other`. @default 100 */
  readonly maxRoutes?: number
  /** Lines of all metrics together; what would be more is counted as `other`. @default 10_000 */
  readonly maxSeries?: number
  /** Labels that lead from a measurement to what it measured: see `activeTrace` of `@countermark/metrics/otel`. @default none */
  readonly exemplar?: () => Readonly<Record<string, string>> | undefined
}

/** Watches guards for Prometheus. */
export interface PrometheusMetrics extends Required<Pick<Observer, 'decided' | 'finished' | 'measured' | 'described'>> {
  /** Whose requests are refused most, heaviest first. Addresses are personal data: show them only to whom they concern. @default 10 */
  readonly topFailures: (limit?: number) => readonly FailureSource[]
}

/**
 * Counts what guards decide and what packages report, in an application's own register of prom-client.
 * @example
 * const guard = createGuard({ origins: ['api.example.com'], observers: [prometheusMetrics()] })
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function prometheusMetrics(options: PrometheusMetricsOptions = {}): PrometheusMetrics {
  const { agents, maxRoutes, exemplar = noExemplar, ...place } = OPTIONS.read(options)
  const book = openBook(place)
  const labels = { agentOf: createAgentLabel(agents), route: createRouteLabel(maxRoutes), exemplar }
  const counts = new DecisionCounts(book, labels)
  const failures = new TopFailures({ sources: FAILURE_SOURCES, halfLifeMs: HALF_LIFE_MS })
  let latestMs = 0
  return {
    decided: (decision) => {
      // Where the application has taken a name after a `clear()`, its metric stays, and ours are counted out of sight.
      book.renew()
      counts.decided(decision)
      const { outcome, refusal, atMs, request, status = 0 } = decision
      latestMs = atMs
      if (outcome !== 'deny' || refusal === undefined || status >= 500) return
      failures.count({ address: request.remoteAddress, code: refusal.code, atMs })
    },
    finished: (decision, outcome) => counts.finished(decision, outcome),
    measured: createMeasurementCounts(book),
    described: ({ checks, rows }) => {
      book.renew()
      counts.described(checks)
      for (const row of rows) book.describe(row)
    },
    topFailures: (limit = 10) => failures.top(limit, latestMs),
  }
}

/** Sources whose failures are told apart, and how fast a failure fades. */
const FAILURE_SOURCES = 1_000
const HALF_LIFE_MS = 600_000

function createMeasurementCounts(book: MetricBook): (measurement: Measurement) => void {
  const unknown = ownMetric(book, 'measurements_unknown_total').series({})
  return ({ name, kind, value, labels = NO_LABELS }) => {
    const metric = book.metrics.get(name)
    if (metric === undefined || metric.row.kind !== kind) {
      unknown.value += 1
      return
    }
    const series = metric.series(labels)
    if (kind === 'histogram') observe(series, value)
    else if (kind === 'gauge') set(series, value)
    // What would make a counter go down is left out: prom-client throws for it in a scrape.
    else if (value > 0 && value < Number.POSITIVE_INFINITY) series.value += value
  }
}

const NO_LABELS = {}

const noExemplar = (): undefined => undefined

const REGISTER = ['metrics', 'getSingleMetric', 'registerMetric'] as const
const UP_TO_10_000 = { min: 0, max: 10_000, default: 100 }

const OPTIONS = optionTable('prometheusMetrics', {
  register: custom((name, given) => requireMethods(name, (given ?? promClient().register) as Register, REGISTER)),
  prefix: custom(readPrefix),
  agents: nested(optionTable('agents', { max: number(UP_TO_10_000), only: strings() })),
  maxRoutes: number(UP_TO_10_000),
  maxSeries: number({ min: 1_000, max: 1_000_000, default: 10_000 }),
  exemplar: callback<NonNullable<PrometheusMetricsOptions['exemplar']>>(),
})

function readPrefix(_name: string, given: unknown = 'countermark_'): string {
  if (typeof given === 'string' && /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(given)) return given
  throw new Misconfigured('ERR_OPTION_INVALID', 'prefix must begin with a letter and hold letters, digits and _')
}
