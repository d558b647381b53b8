export { jsonHandler, metricsHandler, renderMetrics } from './metrics-handler.ts'
export { type PrometheusMetrics, type PrometheusMetricsOptions, prometheusMetrics } from './prometheus-metrics.ts'
export type { FailureSource } from './top-failures.ts'
