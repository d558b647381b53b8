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
  /** Said in place of a value where there is none. @default that the metrics of {@link Row.part} are not switched on */
  readonly noValue?: string
}

/** A heading and the panels below it. */
export interface Row {
  readonly title: string
  /** What must be in use for its panels to have data, such as `a replay store`. */
  readonly part: string
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
export function series(name: string, matchers = '', offset = ''): string {
  const all = ['job=~"$job"', 'instance=~"$instance"', ...(matchers === '' ? [] : [matchers])]
  return `${DEFAULT_PREFIX}${name}{${all.join(',')}}${offset === '' ? '' : ` offset ${offset}`}`
}

/** Counters with labels that are not known ahead: their series begin with the first event, at 1. */
const BORN_LATE: readonly string[] = ['decisions_total', 'signature_failures_total', 'capability_uses_total']

/** Events a second, over the interval that Grafana finds fit for the zoom. */
export function rate(name: string, matchers = ''): string {
  const counted = series(name, matchers)
  const known = `rate(${counted}[$__rate_interval])`
  if (!BORN_LATE.includes(name)) return known
  return `(${bornWithin(counted, '$__rate_interval')} / on (job, instance) group_left () (${AGE}) or ${known})`
}

/** Events within a time that the panel names. */
export function increase(name: string, matchers: string, time: string): string {
  const counted = series(name, matchers)
  const known = `increase(${counted}[${time}])`
  if (!BORN_LATE.includes(name)) return known
  const scraped = series('build_info', '', time)
  return `(${bornWithin(counted, time)} and on (job, instance) ${scraped} or ${known})`
}

/**
 * Series that were not there when the interval began. `rate` takes the first value of a series for a start that was always there:
 * of the first refusal, which begins at 1, it sees nothing. All that such a series counts happened within the interval, if its
 * process was scraped before: `AGE` has no value for one that was not.
 */
function bornWithin(counted: string, time: string): string {
  return `(${counted} unless ${counted} offset ${time})`
}

/** How long the interval is, in seconds, as the scrapes of each process fall into it. */
const SCRAPED = 'max by (job, instance) (timestamp('
const AGE = `${SCRAPED}${series('build_info')})) - ${SCRAPED}${series('build_info', '', '$__rate_interval')}))`

/** Sums over all instances, by label. */
export function sumBy(labels: string, expr: string): string {
  return labels === '' ? `sum(${expr})` : `sum by (${labels}) (${expr})`
}

/** The rates of the ten that counted most in all that the panel shows: a legend of more cannot be read. */
export function topTen(labels: string, name: string, matchers = ''): string {
  const range = `${series(name, matchers)}[$__range] @ end()`
  const counted = sumBy(labels, `max_over_time(${range}) - min_over_time(${range})`)
  return `${sumBy(labels, rate(name, matchers))} and topk(10, ${counted})`
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
