import { type Measurement, type MetricRow, nameLabels, readMetrics } from '../seams/metric-row.ts'

/** The labels of each metric, with their values: `{ claims_total: { result: 'claimed' | 'replayed' } }`. */
export type LabelsByName<Labels> = { readonly [Name in keyof Labels]: Readonly<Record<string, string>> }

/** Rows by their names; each label lists its values, or says how many there can be. */
export type RowsByName<Labels extends LabelsByName<Labels>> = {
  readonly [Name in keyof Labels]: Omit<MetricRow, 'name' | 'labels'> & {
    readonly labels: {
      readonly [Label in keyof Labels[Name]]: readonly Labels[Name][Label][] | { readonly atMost: number }
    }
  }
}

/** The rows of one package, and the measurements that it may report: a misspelt name, label or value does not compile. */
export interface Metrics<Labels extends LabelsByName<Labels>> {
  readonly rows: readonly MetricRow[]
  readonly row: (name: keyof Labels & string) => MetricRow
  /** The rows of one instance, with the values of labels that it alone knows, and what they are read from. */
  readonly rowsOf: (
    labels: Readonly<Record<string, string>>,
    readings?: { readonly [Name in keyof Labels]?: () => number | undefined },
  ) => readonly MetricRow[]
  /** Makes a measurement. What each request reports is made once and kept. */
  readonly measure: <Name extends keyof Labels & string>(
    name: Name,
    value: number,
    ...labels: keyof Labels[Name] extends never ? [] : [labels: Readonly<Labels[Name]>]
  ) => Measurement
}

/**
 * Describes what a package reports.
 * @example
 * const METRICS = defineMetrics<{ claims_total: { result: 'claimed' | 'replayed' } }>({
 *   claims_total: { kind: 'counter', help: 'Claims', labels: { result: ['claimed', 'replayed'] } },
 * })
 * environment.report(METRICS.measure('claims_total', 1, { result: 'claimed' }))
 */
export function defineMetrics<Labels extends LabelsByName<Labels>>(named: RowsByName<Labels>): Metrics<Labels> {
  const rows = Object.entries<Omit<MetricRow, 'name'>>(named).map(([name, row]): MetricRow => ({ name, ...row }))
  return {
    rows,
    row: (name) => ({ name, ...named[name] }),
    rowsOf: (labels, readings = {}) => readMetrics(nameLabels(rows, labels), readings),
    measure: (name, value, ...given: readonly Readonly<Record<string, string>>[]) => {
      const { kind } = named[name]
      const labels = given[0]
      return labels === undefined ? { name, kind, value } : { name, kind, value, labels }
    },
  }
}
