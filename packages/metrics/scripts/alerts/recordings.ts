import { DEFAULT_PREFIX } from '../dashboards/panel.ts'

/** A series worked out ahead, named as Prometheus recommends: level, metric, operations. */
export interface Recording {
  readonly record: string
  readonly expr: string
}

const all = `${DEFAULT_PREFIX}decisions_total`
const buckets = (name: string): string => `${DEFAULT_PREFIX}${name}_bucket`

/** What dashboards of many services and the alerts ask for again and again. */
export const RECORDINGS: readonly Recording[] = [
  { record: `job_outcome:${DEFAULT_PREFIX}decisions:rate5m`, expr: `sum by (job, outcome) (rate(${all}[5m]))` },
  { record: `job_code:${DEFAULT_PREFIX}refusals:rate5m`, expr: `sum by (job, code) (rate(${all}{code!="none"}[5m]))` },
  {
    record: `job:${DEFAULT_PREFIX}denied:ratio_rate5m`,
    expr: `sum by (job) (rate(${all}{outcome="deny"}[5m])) / sum by (job) (rate(${all}[5m]))`,
  },
  {
    record: `job:${DEFAULT_PREFIX}guard_duration_seconds:p99_5m`,
    expr: `histogram_quantile(0.99, sum by (job, le) (rate(${buckets('guard_duration_seconds')}[5m])))`,
  },
  {
    record: `job_check:${DEFAULT_PREFIX}check_duration_seconds:p99_5m`,
    expr: `histogram_quantile(0.99, sum by (job, check, le) (rate(${buckets('check_duration_seconds')}[5m])))`,
  },
]

/** The rule file, before it is YAML. */
export function toRecordingRules(rules: readonly Recording[]): object {
  return { groups: [{ name: 'countermark-recordings', rules }] }
}
