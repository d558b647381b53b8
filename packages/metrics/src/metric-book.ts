import { type MetricRow, Misconfigured } from '@countermark/core'
import type { Metric as PromMetric } from 'prom-client'
import { Metric } from './metric.ts'
import { METRICS, type OwnLabels } from './metric-rows.ts'
import { type Register, registerMetric } from './registered-metric.ts'

/** The version of this package, as in its package.json: a test compares them. */
export const VERSION = '0.1.0'

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
  const book = books.get(prefix) ?? new MetricBook(place)
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

/** All metrics of one register under one prefix. */
export class MetricBook {
  /** By their names without the prefix. */
  readonly metrics: ReadonlyMap<string, Metric>
  private readonly place: MetricsPlace
  private readonly own = new Map<string, Metric>()
  private readonly markName: string
  private mark: PromMetric | undefined
  private room: number
  private merged = 0

  constructor(place: MetricsPlace) {
    this.metrics = this.own
    this.place = place
    this.markName = place.prefix + MARK
    this.room = place.maxSeries
    this.describe({ ...METRICS.row('series_merged_total'), read: () => this.merged })
  }

  /** The metric of a row, made when it is new. */
  describe(row: MetricRow): Metric {
    const { register, prefix } = this.place
    const known = this.own.get(row.name)
    if (known !== undefined) {
      known.describe(row)
      return known
    }
    const isNewHere = this.isShown()
    if (isNewHere && this.isTaken(row.name)) throw nameTaken(prefix + row.name)
    const metric = new Metric(row, (lines) => this.takeLines(lines))
    this.own.set(row.name, metric)
    if (isNewHere) registerMetric(register, prefix + row.name, metric)
    return metric
  }

  /** Puts the metrics back, from 0, after `clear()`; gives the name that the application has taken meanwhile. */
  renew(): string | undefined {
    if (this.isShown()) return undefined
    const { register, prefix } = this.place
    for (const name of this.own.keys()) if (this.isTaken(name)) return prefix + name
    for (const [name, metric] of this.own) {
      metric.reset()
      const shown = registerMetric(register, prefix + name, metric)
      if (name === MARK) this.mark = shown
    }
    return undefined
  }

  private isShown(): boolean {
    return this.mark !== undefined && this.place.register.getSingleMetric(this.markName) === this.mark
  }

  private isTaken(name: string): boolean {
    return this.place.register.getSingleMetric(this.place.prefix + name) !== undefined
  }

  private takeLines(lines: number): boolean {
    const fits = lines <= this.room
    if (fits) this.room -= lines
    else this.merged += 1
    return fits
  }
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
