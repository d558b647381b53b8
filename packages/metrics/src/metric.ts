import type { MetricRow } from '@countermark/core'
import { combineListed, createBoundedLabels, OTHER } from './bounded-labels.ts'
import { createSeries, createSeriesTree, type Labels, resetSeries, type Series, set } from './series.ts'

/** One metric with its series. */
export interface Metric {
  readonly row: MetricRow
  /** The series of these labels; one of `other` when they are not its own. */
  readonly series: (labels: Labels) => Series
  /** The same, unless nothing was ever counted for these labels. */
  readonly known: (labels: Labels) => Series | undefined
  /** Takes over what one more package, or one more instance, says of this metric. */
  readonly describe: (row: MetricRow) => void
  /** Every series that has something to show, with what is read now. */
  readonly collect: () => readonly Series[]
  /** Counts begin at 0 again. A gauge stays: it is only reported when it changes. */
  readonly reset: () => void
}

/** Creates a metric. `takeLines` says whether there is room for so many more lines. */
export function createMetric(row: MetricRow, takeLines: (lines: number) => boolean): Metric {
  const names = Object.keys(row.labels)
  const bounded = createBoundedLabels(names)
  const tree = createSeriesTree(names)
  const readings = new Map<Series, Reading>()
  const bounds = row.kind === 'histogram' ? row.buckets : undefined
  const rest = Object.fromEntries(names.map((name) => [name, OTHER]))

  function find(labels: Labels): Series {
    const known = tree.find(labels)
    if (known !== undefined) return known
    const admitted = bounded.admit(labels)
    return tree.find(admitted) ?? add(admitted)
  }

  function add(labels: Labels): Series {
    // What is too much is counted together; that there is room for.
    const isRest = Object.values(labels).every((value) => value === OTHER)
    if (!isRest && !takeLines(bounds === undefined ? 1 : bounds.length + 3)) return tree.find(rest) ?? add(rest)
    const series = createSeries(labels, bounds, row.kind !== 'gauge')
    tree.add(series)
    return series
  }

  function describe({ labels, initial, read }: MetricRow): void {
    bounded.describe(labels)
    const listed = combineListed(labels)
    if (read !== undefined && listed.length === 1) {
      for (const each of listed) addReading(readings, find(each), read)
    } else if (row.kind !== 'gauge' || initial !== undefined) {
      for (const each of listed.filter((labels) => tree.find(labels) === undefined)) {
        const series = find(each)
        if (initial !== undefined) set(series, initial)
      }
    }
  }

  describe(row)
  return {
    row,
    series: find,
    known: tree.find,
    describe,
    collect: () => {
      for (const [series, reading] of readings) readInto(series, reading, row)
      return tree.all.filter(({ isSet }) => isSet)
    },
    reset: () => {
      if (row.kind === 'gauge') return
      for (const series of tree.all) resetSeries(series)
      for (const reading of readings.values()) reading.from = combine(reading, row) ?? 0
    },
  }
}

/** What a series is read from. */
interface Reading {
  readonly reads: Set<() => number | undefined>
  /** What a counter had counted when it was reset. */
  from: number
}

function addReading(readings: Map<Series, Reading>, series: Series, read: () => number | undefined): void {
  const reading = readings.get(series) ?? { reads: new Set(), from: 0 }
  reading.reads.add(read)
  readings.set(series, reading)
}

function readInto(series: Series, reading: Reading, row: MetricRow): void {
  const value = combine(reading, row)
  series.isSet = row.kind !== 'gauge' || value !== undefined
  if (value !== undefined) series.value = value - reading.from
}

/** Several that say so: a source that fails must not be hidden by one that works. */
function combine({ reads }: Reading, row: MetricRow): number | undefined {
  const values = [...reads].map((read) => read()).filter((value) => value !== undefined)
  if (values.length === 0) return undefined
  const how = row.combine ?? (row.kind === 'gauge' ? 'max' : 'sum')
  return how === 'sum' ? values.reduce((sum, value) => sum + value, 0) : Math[how](...values)
}
