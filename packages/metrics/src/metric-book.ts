import { type MetricRow, Misconfigured } from '@countermark/core'
import type { Metric as PromMetric } from 'prom-client'
import { createMetric, type Metric } from './metric.ts'
import { METRICS, type OwnLabels } from './metric-rows.ts'
import { type Register, registerMetric } from './registered-metric.ts'

/** The version of this package, as in its package.json: a test compares them. */
export const VERSION = '0.1.0'

/** All metrics of one register under one prefix. */
export interface MetricBook {
  /** The metric of a row, made when it is new. */
  readonly describe: (row: MetricRow) => Metric
  /** By their names without the prefix. */
  readonly metrics: ReadonlyMap<string, Metric>
  /** Puts the metrics back, from 0, after `clear()`; gives the name that the application has taken meanwhile. */
  readonly renew: () => string | undefined
}

/** Where metrics stand. */
export interface MetricsPlace {
  readonly register: Register
  readonly prefix: string
  /** Lines of all metrics together. */
  readonly maxSeries: number
}

/** One metric of this package: a misspelt name or label does not compile. */
export type OwnMetric<Labels> = {
  readonly [Find in 'series' | 'known']: (labels: Readonly<Labels>) => ReturnType<Metric[Find]>
}

/** The metric of one of this package's rows. */
export function ownMetric<Name extends keyof OwnLabels>(book: MetricBook, name: Name): OwnMetric<OwnLabels[Name]> {
  return book.describe(widened(METRICS.row(name)))
}

/**
 * The book that a register has under a prefix, made when there is none: guards, hot reloads and copies of this package share it.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` when the application has a metric of one of the names
 */
export function openBook(place: MetricsPlace): MetricBook {
  const { register, prefix } = place
  const books = booksOf(register)
  const book = books.get(prefix) ?? createBook(place)
  for (const row of METRICS.rows) book.describe(widened(row))
  // Read at each scrape, so that a reset does not remove it.
  const labels = { version: [VERSION], node: [process.versions.node] }
  book.describe({ ...METRICS.row(MARK), labels, read: isRunning })
  const taken = book.renew()
  if (taken !== undefined) throw nameTaken(taken)
  books.set(prefix, book)
  return book
}

/** The same for every copy of this package, and after it was loaded anew. */
const BOOKS = Symbol.for('countermark.metric-books')

function booksOf(register: Register & { [BOOKS]?: Map<string, MetricBook> }): Map<string, MetricBook> {
  const books = register[BOOKS] ?? new Map<string, MetricBook>()
  register[BOOKS] = books
  return books
}

/** The metric that shows whether a register was cleared. */
const MARK = 'build_info'

const isRunning = (): number => 1

function createBook({ register, prefix, maxSeries }: MetricsPlace): MetricBook {
  const markName = prefix + MARK
  const metrics = new Map<string, Metric>()
  let mark: PromMetric | undefined
  let room = maxSeries
  let merged = 0

  const isShown = (): boolean => mark !== undefined && register.getSingleMetric(markName) === mark
  const isTaken = (name: string): boolean => register.getSingleMetric(prefix + name) !== undefined

  function takeLines(lines: number): boolean {
    const fits = lines <= room
    if (fits) room -= lines
    else merged += 1
    return fits
  }

  function describe(row: MetricRow): Metric {
    const known = metrics.get(row.name)
    if (known !== undefined) {
      known.describe(row)
      return known
    }
    const isNewHere = isShown()
    if (isNewHere && isTaken(row.name)) throw nameTaken(prefix + row.name)
    const metric = createMetric(row, takeLines)
    metrics.set(row.name, metric)
    if (isNewHere) registerMetric(register, prefix + row.name, metric)
    return metric
  }

  function renew(): string | undefined {
    if (isShown()) return undefined
    const taken = [...metrics.keys()].find(isTaken)
    if (taken !== undefined) return prefix + taken
    for (const [name, metric] of metrics) {
      metric.reset()
      const shown = registerMetric(register, prefix + name, metric)
      if (name === MARK) mark = shown
    }
    return undefined
  }

  describe({ ...METRICS.row('series_merged_total'), read: () => merged })
  return { metrics, describe, renew }
}

function nameTaken(name: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', `the register has a metric ${name} of its own; choose another prefix`)
}

/** Options bound agents and routes before they come here: by 10,000 at most, and two words for all others. */
const MOST_ADMITTED = { atMost: 10_002 }

function widened(row: MetricRow): MetricRow {
  const bounded = ['agent', 'route'].filter((label) => label in row.labels).map((label) => [label, MOST_ADMITTED])
  return { ...row, labels: { ...row.labels, ...Object.fromEntries(bounded) } }
}
