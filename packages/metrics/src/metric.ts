import type { MetricRow } from '@countermark/core'
import { type BoundedLabels, combineListed, createBoundedLabels, OTHER } from './bounded-labels.ts'
import {
  createSeries,
  createSeriesTree,
  type Labels,
  resetSeries,
  type Series,
  type SeriesTree,
  set,
} from './series.ts'

/** Whether there is room for so many more lines. */
export type TakeLines = (lines: number) => boolean

/** One metric with its series. */
export class Metric {
  readonly row: MetricRow
  private readonly takeLines: TakeLines
  private readonly bounded: BoundedLabels
  private readonly tree: SeriesTree
  private readonly readings = new Map<Series, Reading>()
  private readonly bounds: readonly number[] | undefined
  /** What is too much is counted together; that there is room for. */
  private readonly rest: Labels

  constructor(row: MetricRow, takeLines: TakeLines) {
    const names = Object.keys(row.labels)
    this.row = row
    this.takeLines = takeLines
    this.bounded = createBoundedLabels(names)
    this.tree = createSeriesTree(names)
    this.bounds = row.kind === 'histogram' ? row.buckets : undefined
    this.rest = Object.fromEntries(names.map((name) => [name, OTHER]))
    this.describe(row)
  }

  /** The series of these labels; one of `other` when they are not its own. */
  series(labels: Labels): Series {
    const known = this.tree.find(labels)
    if (known !== undefined) return known
    const admitted = this.bounded.admit(labels)
    return this.tree.find(admitted) ?? this.add(admitted)
  }

  /** The same, unless nothing was ever counted for these labels. */
  known(labels: Labels): Series | undefined {
    return this.tree.find(labels)
  }

  /** Takes over what one more package, or one more instance, says of this metric. */
  describe({ labels, initial, read }: MetricRow): void {
    this.bounded.describe(labels)
    const listed = combineListed(labels)
    if (read !== undefined && listed.length === 1) {
      for (const each of listed) addReading(this.readings, this.series(each), read)
    } else if (this.row.kind !== 'gauge' || initial !== undefined) {
      for (const each of listed.filter((labels) => this.tree.find(labels) === undefined)) {
        const series = this.series(each)
        if (initial !== undefined) set(series, initial)
      }
    }
  }

  /** Every series that has something to show, with what is read now. */
  collect(): readonly Series[] {
    for (const [series, reading] of this.readings) readInto(series, reading, this.row)
    return this.tree.all.filter(({ isSet }) => isSet)
  }

  /** Counts begin at 0 again. A gauge stays: it is only reported when it changes. */
  reset(): void {
    if (this.row.kind === 'gauge') return
    for (const series of this.tree.all) resetSeries(series)
    for (const reading of this.readings.values()) reading.from = combine(reading, this.row) ?? 0
  }

  private add(labels: Labels): Series {
    const { bounds, rest, tree } = this
    const isRest = Object.values(labels).every((value) => value === OTHER)
    const lines = bounds === undefined ? 1 : bounds.length + 3
    if (!isRest && !this.takeLines(lines)) return tree.find(rest) ?? this.add(rest)
    const series = createSeries(labels, bounds, this.row.kind !== 'gauge')
    tree.add(series)
    return series
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
