import { type Measurement, Misconfigured, type Observer, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireMethods, requireStrings } from '@countermark/core/internal'
import { type AgentLabelOptions, createAgentLabel } from './agent-label.ts'
import type { Register } from './collector.ts'
import { createDecisionCounts } from './count-decisions.ts'
import { createBinding, requireMetric } from './metric-binding.ts'
import type { MetricBook } from './metric-book.ts'
import { promClient } from './prom-client.ts'
import { createRouteLabel } from './route-label.ts'
import { observe } from './series.ts'
import { createTopFailures, type FailureSource } from './top-failures.ts'

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
export interface PrometheusMetrics extends Observer {
  readonly decided: NonNullable<Observer['decided']>
  readonly finished: NonNullable<Observer['finished']>
  readonly measured: NonNullable<Observer['measured']>
  readonly described: NonNullable<Observer['described']>
  /** Whose requests are refused most, heaviest first. Addresses are personal data: show them only to whom they concern. @default 10 */
  readonly topFailures: (limit?: number) => readonly FailureSource[]
}

/**
 * Counts what guards decide and what packages report, in an application's own register of prom-client.
 * @example
 * const guard = createGuard({ authorities: ['api.example.com'], observers: [prometheusMetrics()] })
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function prometheusMetrics(options: PrometheusMetricsOptions = {}): PrometheusMetrics {
  const { agents, maxRoutes, exemplar, ...place } = readOptions(options)
  const counting = { agentOf: createAgentLabel(agents), route: createRouteLabel(maxRoutes), exemplar }
  const binding = createBinding(place, (metric) => createDecisionCounts({ ...counting, metric }))
  const failures = createTopFailures({ sources: FAILURE_SOURCES, halfLifeMs: HALF_LIFE_MS })
  let latestMs = 0
  return {
    decided: (decision) => {
      binding.renew().counts.decided(decision)
      const { outcome, refusal, atMs, request, status = 0 } = decision
      latestMs = atMs
      if (outcome !== 'deny' || refusal === undefined || status >= 500) return
      failures.count({ address: request.remoteAddress, code: refusal.code, atMs })
    },
    finished: (decision, outcome) => binding.now().counts.finished(decision, outcome),
    measured: (measurement) => measure(binding.now().book, measurement),
    described: binding.describe,
    topFailures: (limit = 10) => failures.top(limit, latestMs),
  }
}

/** Sources whose failures are told apart, and how fast a failure fades. */
const FAILURE_SOURCES = 1_000
const HALF_LIFE_MS = 600_000

function measure(book: MetricBook, { name, kind, value, labels }: Measurement): void {
  const metric = book.metrics.get(name)
  if (metric === undefined || metric.row.kind !== kind) {
    requireMetric(book, 'measurements_unknown_total').series([]).value += 1
    return
  }
  const series = metric.seriesOf(labels)
  if (kind === 'histogram') {
    observe(series, value)
    return
  }
  series.value = kind === 'counter' ? series.value + value : value
  series.isSet = true
}

type Settings = Required<Omit<PrometheusMetricsOptions, 'agents'>> & {
  readonly agents: { readonly max: number; readonly only: readonly string[] | undefined }
}

const KNOWN = ['register', 'prefix', 'agents', 'maxRoutes', 'maxSeries', 'exemplar']

function readOptions(options: PrometheusMetricsOptions): Settings {
  requireKnownOptions('prometheusMetrics', options, KNOWN)
  const { register = promClient().register, prefix = 'countermark_', agents = {}, exemplar = () => undefined } = options
  requireKnownOptions('agents', agents, ['max', 'only'])
  if (typeof prefix !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'prefix must begin with a letter and hold letters, digits and _')
  }
  if (typeof exemplar !== 'function') throw new Misconfigured('ERR_OPTION_INVALID', 'exemplar must be a function')
  return {
    register: requireMethods('register', register, REGISTER),
    prefix,
    agents: {
      max: requireNumber('agents.max', agents.max ?? 100, { min: 0, max: 10_000 }),
      only: agents.only && requireStrings('agents.only', agents.only),
    },
    maxRoutes: requireNumber('maxRoutes', options.maxRoutes ?? 100, { min: 0, max: 10_000 }),
    maxSeries: requireNumber('maxSeries', options.maxSeries ?? 10_000, { min: 1_000, max: 1_000_000 }),
    exemplar,
  }
}

const REGISTER = ['metrics', 'getMetricsAsArray', 'getSingleMetric', 'registerMetric'] as const
