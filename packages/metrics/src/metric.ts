import type { MetricRow } from '@countermark/core'
import { createLabelSet, OTHER } from './label-set.ts'
import { createSeries, type LineStyle, type Series, writeSeries } from './series.ts'
import type { SeriesBudget } from './series-budget.ts'

/** One metric with its series. */
export interface Metric {
  readonly row: MetricRow
  /** The series of these values, in the order of the row's labels; one of `other` when they are not its own. */
  readonly series: (values: readonly string[]) => Series
  /** The same by name, for what others report. */
  readonly seriesOf: (labels: Readonly<Record<string, string>> | undefined) => Series
  readonly has: (values: readonly string[]) => boolean
  /** Takes over what one more package, or one more instance, says of this metric. */
  readonly describe: (row: MetricRow) => void
  /** Everything there is to show, with what is read now. */
  readonly collect: () => readonly Series[]
  readonly write: (style: Omit<LineStyle, 'name'>) => string
  readonly reset: () => void
}

/** Separates values in keys. */
const SEPARATOR = '\u0000'
/** Listed values multiply; more series than this are not shown before they count something. */
const MAX_AT_ZERO = 256

/** Creates a metric under its full name. */
export function createMetric(name: string, row: MetricRow, budget: SeriesBudget): Metric {
  const labelNames = Object.keys(row.labels)
  const sets = labelNames.map(() => createLabelSet())
  const all = new Map<string, Series>()
  const readings = new Map<Series, Set<() => number | undefined>>()
  const bounds = row.kind === 'histogram' ? row.buckets : undefined
  const startsSet = row.kind !== 'gauge'
  let written = ''

  function find(values: readonly string[]): Series {
    const known = all.get(keyOf(values))
    if (known !== undefined) return known
    const admitted = sets.map((set, index) => set.admit(values[index]))
    return all.get(keyOf(admitted)) ?? add(admitted, false)
  }

  function add(values: readonly string[], isOwed: boolean): Series {
    const rest = labelNames.map(() => OTHER)
    const isRest = keyOf(values) === keyOf(rest)
    // Whatever is too much is counted together; that there is room for.
    if (!isOwed && !isRest && !budget.take(linesOf(bounds))) return all.get(keyOf(rest)) ?? add(rest, true)
    const labels = Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? OTHER]))
    const series = createSeries(labels, bounds, startsSet)
    all.set(keyOf(values), series)
    return series
  }

  function describe(more: MetricRow): void {
    for (const [index, label] of labelNames.entries()) sets[index]?.describe(more.labels[label] ?? [])
    const single = labelNames.map((label) => singleValue(more.labels[label]))
    if (more.read !== undefined && single.every((value) => value !== undefined)) {
      const series = find(single)
      readings.set(series, (readings.get(series) ?? new Set()).add(more.read))
    }
    if (more.kind !== 'gauge' || more.initial !== undefined) startListed(more)
  }

  function startListed(more: MetricRow): void {
    for (const values of combinationsOf(labelNames.map((label) => listedValues(more.labels[label])))) {
      const isNew = !all.has(keyOf(values))
      const series = find(values)
      if (isNew && more.initial !== undefined) Object.assign(series, { value: more.initial, isSet: true })
    }
  }

  function readAll(): void {
    for (const [series, reads] of readings) readInto(series, reads, row)
  }

  describe(row)
  return {
    row,
    series: find,
    seriesOf: (labels = {}) => find(labelNames.map((label) => labels[label] ?? '')),
    has: (values) => all.has(keyOf(values)),
    describe,
    collect: () => {
      readAll()
      return [...all.values()].filter(({ isSet }) => isSet)
    },
    write: ({ more, openMetrics }) => {
      const style = `${openMetrics}${more}`
      if (style !== written)
        for (const series of all.values()) Object.assign(series, { shown: Number.NaN, heads: undefined })
      written = style
      readAll()
      let text = ''
      for (const series of all.values()) if (series.isSet) text += writeSeries(series, { name, more, openMetrics })
      return text
    },
    reset: () => {
      for (const series of all.values()) {
        Object.assign(series, { value: 0, isSet: startsSet || row.initial !== undefined })
        series.histogram?.counts.fill(0)
        if (series.histogram !== undefined) series.histogram.sum = 0
      }
    },
  }
}

function keyOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : values.join(SEPARATOR)
}

function linesOf(bounds: readonly number[] | undefined): number {
  return bounds === undefined ? 1 : bounds.length + 3
}

function singleValue(values: MetricRow['labels'][string] | undefined): string | undefined {
  const [only, ...others] = listedValues(values) ?? []
  return others.length === 0 ? only : undefined
}

function listedValues(values: MetricRow['labels'][string] | undefined): readonly string[] | undefined {
  return values !== undefined && 'length' in values ? values : undefined
}

/** Several that say so: a source that fails must not be hidden by one that works. */
function readInto(series: Series, reads: ReadonlySet<() => number | undefined>, { kind, combine }: MetricRow): void {
  const values = [...reads].map((read) => read()).filter((value) => value !== undefined)
  series.isSet = kind !== 'gauge' || values.length > 0
  if (values.length === 0) return
  const how = combine ?? (kind === 'gauge' ? 'max' : 'sum')
  series.value = how === 'sum' ? values.reduce((sum, value) => sum + value, 0) : Math[how](...values)
}

/** Every combination of listed values; none when a label is open, or when there are too many. */
function combinationsOf(lists: readonly (readonly string[] | undefined)[]): readonly (readonly string[])[] {
  let combinations: readonly (readonly string[])[] = [[]]
  for (const list of lists) {
    if (list === undefined || combinations.length * list.length > MAX_AT_ZERO) return []
    combinations = combinations.flatMap((values) => list.map((value) => [...values, value]))
  }
  return combinations
}
