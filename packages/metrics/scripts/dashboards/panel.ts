/** One query of a panel. */
export interface Query {
  readonly expr: string
  /** Grafana's legend template, such as `{{code}}`. */
  readonly legend: string
  /** The value of now, for tables. @default false */
  readonly instant?: boolean
}

/** One panel, before it becomes Grafana's JSON. */
export interface Panel {
  readonly kind: 'stat' | 'timeseries' | 'table'
  readonly title: string
  readonly description: string
  /** A unit id of Grafana, such as `s` or `reqps`. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** From which value on a figure turns orange and red. */
  readonly thresholds?: readonly [orange: number, red: number]
  /** Draws areas on top of each other. @default false */
  readonly stacked?: boolean
  /** Said in place of a value where the condition never occurred. */
  readonly noValue?: string
}

/** A heading and the panels below it. */
export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** One dashboard. */
export interface Dashboard {
  /** Stable: links and bookmarks hold it. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly rows: readonly Row[]
}

/** What all series are called; `--prefix` of the generator changes it. */
export const DEFAULT_PREFIX = 'countermark_'

/** A metric of the chosen job and instances, narrowed by further matchers such as `outcome="deny"`. */
export function series(name: string, matchers = ''): string {
  const all = ['job=~"$job"', 'instance=~"$instance"', ...(matchers === '' ? [] : [matchers])]
  return `${DEFAULT_PREFIX}${name}{${all.join(',')}}`
}

/** Events a second, over the interval that Grafana finds fit for the zoom. */
export function rate(name: string, matchers = ''): string {
  return `rate(${series(name, matchers)}[$__rate_interval])`
}

/** Sums over all instances, by label. */
export function sumBy(labels: string, expr: string): string {
  return labels === '' ? `sum(${expr})` : `sum by (${labels}) (${expr})`
}

/** A quantile of a histogram, by label. */
export function quantile(share: number, name: string, labels = ''): string {
  const by = ['le', ...(labels === '' ? [] : [labels])].join(', ')
  return `histogram_quantile(${share}, sum by (${by}) (${rate(`${name}_bucket`)}))`
}

/** p50, p95 and p99 of one histogram. */
export function quantiles(name: string): readonly Query[] {
  return [0.5, 0.95, 0.99].map((share) => ({ expr: quantile(share, name), legend: `p${share * 100}` }))
}
