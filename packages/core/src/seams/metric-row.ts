/**
 * The values a label may take: all of them, or how many there can be at most where others name them, such as sources of
 * keys. What is no listed value is shown as `other`.
 */
export type LabelValues = readonly string[] | { readonly atMost: number }

/** One metric that a package reports. What shows metrics reads it here and need not know the package. */
export interface MetricRow {
  /** Snake case with its unit, without a prefix. Counters end in `_total`. */
  readonly name: string
  /** How it counts: up only, up and down, or by size. */
  readonly kind: Measurement['kind']
  /** One sentence for the reader of a dashboard. */
  readonly help: string
  /** Its labels, and the values that each may have. */
  readonly labels: Readonly<Record<string, LabelValues>>
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[]
  /** What a gauge is before its first report. Counters and histograms begin at 0. @default it is not shown */
  readonly initial?: number
  /** What it is now, asked at each scrape; it need not be reported. Each label then has one value. `undefined` is not shown. */
  readonly read?: () => number | undefined
  /** What counts when several say so, two sources or two processes. @default 'sum' for counters, 'max' for gauges */
  readonly combine?: 'sum' | 'max' | 'min'
}

/** What a guard tells those who watch it when it is composed. */
export interface GuardMetrics {
  /** The values of the `check` label, with the facts that each check adds. */
  readonly checks: readonly { readonly name: string; readonly adds: readonly string[] }[]
  readonly rows: readonly MetricRow[]
}

/** Whether a dependency answers: one metric, whichever package depends on it. */
export function degradedRow(dependency: LabelValues): MetricRow {
  return {
    name: 'degraded',
    kind: 'gauge',
    help: 'Whether a dependency does not answer as it should (1) or does (0)',
    labels: { dependency },
    ...('atMost' in dependency ? {} : { initial: 0 }),
  }
}

/** The rows with the values of labels that only an instance knows, such as the name of a store. */
export function nameLabels(rows: readonly MetricRow[], values: Readonly<Record<string, string>>): readonly MetricRow[] {
  return rows.map((row) => {
    const named = Object.entries(values).filter(([label]) => label in row.labels)
    const labels = Object.fromEntries(named.map(([label, value]) => [label, [value]]))
    return { ...row, labels: { ...row.labels, ...labels } }
  })
}

/** The rows with what one of them is read from. */
export function readMetrics(
  rows: readonly MetricRow[],
  readings: Readonly<Record<string, (() => number | undefined) | undefined>>,
): readonly MetricRow[] {
  return rows.map((row) => {
    const read = readings[row.name]
    return read === undefined ? row : { ...row, read }
  })
}

/** A number that a package wants seen. `labels` take values of closed sets only: never an id, a path or an address. */
export interface Measurement {
  /** Snake case with its unit, without a prefix, such as `key_fetches_total` or `key_set_age_seconds`. */
  readonly name: string
  /** How it counts: up only, up and down, or by size. */
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly value: number
  /** Values of its labels. @default none */
  readonly labels?: Readonly<Record<string, string>>
}

/** Counts or measures something; reaches every observer. */
export type Report = (measurement: Measurement) => void

/** What a package that watches or records can measure of itself. */
export interface Measured {
  /** What it reports. */
  readonly metrics?: readonly MetricRow[]
  /** Called once by each guard factory it is given to: where its own measurements go. */
  readonly reportTo?: (report: Report) => void
}
