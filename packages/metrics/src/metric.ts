import type { MetricRow } from '@countermark/core'
import { createLabelSet, OTHER } from './label-set.ts'
import { createSeries, type LineStyle, resetSeries, type Series, writeSeries } from './series.ts'
import type { SeriesBudget } from './series-budget.ts'
import { createSeriesTree } from './series-tree.ts'

/** One metric with its series. */
export interface Metric {
  readonly row: MetricRow
  /** The series of these values, in the order of the row's labels; one of `other` when they are not its own. */
  readonly series: (values: readonly string[]) => Series
  /** The same by name, for what others report. */
  readonly seriesOf: (labels: Readonly<Record<string, string>> | undefined) => Series
  /** The same, unless nothing was ever counted for these values. */
  readonly known: (values: readonly string[]) => Series | undefined
  /** Takes over what one more package, or one more instance, says of this metric. */
  readonly describe: (row: MetricRow) => void
  /** Everything there is to show, with what is read now. */
  readonly collect: () => readonly Series[]
  readonly write: (style: Omit<LineStyle, 'name'>) => string
  /** Counts begin at 0 again. A gauge stays: it is only reported when it changes. */
  readonly reset: () => void
}

/** Listed values multiply; more series than this are not shown before they count something. */
const MAX_AT_ZERO = 256

/** Creates a metric under its full name. */
export function createMetric(name: string, row: MetricRow, budget: SeriesBudget): Metric {
  const labelNames = Object.keys(row.labels)
  const sets = labelNames.map(() => createLabelSet())
  const tree = createSeriesTree(labelNames)
  const rest = labelNames.map(() => OTHER)
  const readings = new Map<Series, Reading>()
  const bounds = row.kind === 'histogram' ? row.buckets : undefined
  const startsSet = row.kind !== 'gauge'
  let written = ''

  function find(values: readonly string[]): Series {
    const known = tree.find(values)
    if (known !== undefined) return known
    const admitted = sets.map((set, index) => set.admit(values[index]))
    return tree.find(admitted) ?? add(admitted)
  }

  function add(values: readonly string[]): Series {
    const isRest = values.every((value) => value === OTHER)
    // Whatever is too much is counted together; that there is room for.
    if (!isRest && !budget.take(linesOf(bounds))) return tree.find(rest) ?? add(rest)
    const labels = Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? OTHER]))
    const series = createSeries(labels, bounds, startsSet)
    tree.add(values, series)
    return series
  }

  function describe(more: MetricRow): void {
    for (const [index, label] of labelNames.entries()) sets[index]?.describe(more.labels[label] ?? [])
    const single = labelNames.map((label) => singleValue(more.labels[label]))
    if (more.read !== undefined && single.every((value) => value !== undefined)) {
      const series = find(single)
      const reading = readings.get(series) ?? { reads: new Set(), from: 0 }
      reading.reads.add(more.read)
      readings.set(series, reading)
    }
    if (more.kind !== 'gauge' || more.initial !== undefined) startListed(more)
  }

  function startListed(more: MetricRow): void {
    for (const values of combinationsOf(labelNames.map((label) => listedValues(more.labels[label])))) {
      const isNew = tree.find(values) === undefined
      const series = find(values)
      if (isNew && more.initial !== undefined) Object.assign(series, { value: more.initial, isSet: true })
    }
  }

  function readAll(): void {
    for (const [series, reading] of readings) readInto(series, reading, row)
  }

  describe(row)
  return {
    row,
    series: find,
    seriesOf: (labels = {}) => tree.findOf(labels) ?? find(labelNames.map((label) => labels[label] ?? '')),
    known: tree.find,
    describe,
    collect: () => {
      readAll()
      return tree.all.filter(({ isSet }) => isSet)
    },
    write: ({ more, openMetrics }) => {
      const style = `${openMetrics}${more}`
      if (style !== written)
        for (const series of tree.all) Object.assign(series, { shown: Number.NaN, heads: undefined })
      written = style
      readAll()
      let text = ''
      for (const series of tree.all) if (series.isSet) text += writeSeries(series, { name, more, openMetrics })
      return text
    },
    reset: () => {
      if (row.kind === 'gauge') return
      for (const series of tree.all) resetSeries(series)
      for (const reading of readings.values()) reading.from = combine(reading.reads, row) ?? 0
    },
  }
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

/** What a series is read from. */
interface Reading {
  readonly reads: Set<() => number | undefined>
  /** What a counter had counted when it was reset. */
  from: number
}

function readInto(series: Series, { reads, from }: Reading, row: MetricRow): void {
  const value = combine(reads, row)
  series.isSet = row.kind !== 'gauge' || value !== undefined
  if (value !== undefined) series.value = value - from
}

/** Several that say so: a source that fails must not be hidden by one that works. */
function combine(reads: Reading['reads'], row: MetricRow): number | undefined {
  const values = [...reads].map((read) => read()).filter((value) => value !== undefined)
  if (values.length === 0) return undefined
  const how = row.combine ?? (row.kind === 'gauge' ? 'max' : 'sum')
  return how === 'sum' ? values.reduce((sum, value) => sum + value, 0) : Math[how](...values)
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
