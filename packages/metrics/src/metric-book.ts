import { isMisconfigured, type MetricRow, Misconfigured } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import { createMetric, type Metric } from './metric.ts'
import { METRICS, type OwnLabels } from './metric-rows.ts'
import { type Register, registerMetric } from './registered-metric.ts'
import { set } from './series.ts'

/** The version of this package, as in its package.json: a test compares them. */
export const VERSION = '0.1.0'

/** All metrics of one register under one prefix. */
export interface MetricBook {
  /** The metric of a row, made when it is new. */
  readonly describe: (row: MetricRow) => Metric
  /** By their names without the prefix. */
  readonly metrics: ReadonlyMap<string, Metric>
}

/** Where metrics stand. */
export interface MetricsPlace {
  readonly register: Register
  readonly prefix: string
  /** Lines of all metrics together. */
  readonly maxSeries: number
}

/** What counts in a book. */
export interface Counts {
  readonly described: (checks: GuardMetrics['checks']) => void
}

/** What ties an observer to the metrics of its register. */
export interface Binding<C extends Counts> {
  readonly counts: () => C
  /** The same, after a look whether the register still has its metrics: `clear()` takes them out, and they come back from 0. */
  readonly renewed: () => C
  readonly described: (guard: GuardMetrics) => void
}

/**
 * Opens the metrics of a register and keeps an observer with them.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` when the application has a metric of one of the names
 */
export function bindMetrics<C extends Counts>(place: MetricsPlace, count: (book: MetricBook) => C): Binding<C> {
  const { register, prefix } = place
  const markName = prefix + MARK
  const told: GuardMetrics[] = []
  let bound = bind()
  let mark = register.getSingleMetric(markName)

  function bind(): { readonly book: MetricBook; readonly counts: C } {
    const book = openBook(place)
    const counts = count(book)
    for (const guard of told) tell(book, counts, guard)
    return { book, counts }
  }

  function renewed(): C {
    const present = register.getSingleMetric(markName)
    if (present === mark) return bound.counts
    mark = present
    try {
      const next = bind()
      keepStates(bound.book, next.book)
      bound = next
      mark = register.getSingleMetric(markName)
    } catch (error) {
      // A metric of the application has taken a name meanwhile: it stays, and ours are counted out of sight.
      if (!isMisconfigured(error)) throw error
    }
    return bound.counts
  }

  return {
    counts: () => bound.counts,
    renewed,
    described: (guard) => {
      renewed()
      tell(bound.book, bound.counts, guard)
      told.push(guard)
    },
  }
}

function tell(book: MetricBook, counts: Counts, { checks, rows }: GuardMetrics): void {
  counts.described(checks)
  for (const row of rows) book.describe(row)
}

/** How things are is reported when it changes, and perhaps not again for a long time. */
function keepStates(from: MetricBook, to: MetricBook): void {
  for (const { row, collect } of from.metrics.values()) {
    if (row.kind !== 'gauge' || METRICS.rows.some(({ name }) => name === row.name)) continue
    for (const { labels, value } of collect()) set(to.describe(row).series(labels), value)
  }
}

/** One metric of this package: a misspelt name or label does not compile. */
export type OwnMetric<Labels> = {
  readonly [Find in 'series' | 'known']: (labels: Readonly<Labels>) => ReturnType<Metric[Find]>
}

/** The metric of one of this package's rows. */
export function ownMetric<Name extends keyof OwnLabels>(book: MetricBook, name: Name): OwnMetric<OwnLabels[Name]> {
  return book.describe(widened(METRICS.row(name)))
}

/** The metric by which a register's book is found. */
const MARK = 'build_info'

/** The same for every copy of this package, and after it was loaded anew. */
const BOOK = Symbol.for('countermark.metric-book')

/** The book that a register has under a prefix, made when there is none: guards, hot reloads and copies share it. */
function openBook(place: MetricsPlace): MetricBook {
  const book = findBook(place) ?? createBook(place)
  for (const row of METRICS.rows) book.describe(widened(row))
  const labels = { version: [VERSION], node: [process.versions.node] }
  // Read at each scrape, so that a reset does not remove it.
  book.describe({ ...METRICS.row(MARK), labels, read: isRunning })
  return book
}

function findBook({ register, prefix }: MetricsPlace): MetricBook | undefined {
  const mark = register.getSingleMetric(prefix + MARK)
  return mark !== undefined && isMarked(mark) ? mark[BOOK] : undefined
}

function isMarked(metric: object): metric is { readonly [BOOK]: MetricBook } {
  return BOOK in metric
}

const isRunning = (): number => 1

function createBook({ register, prefix, maxSeries }: MetricsPlace): MetricBook {
  let room = maxSeries
  let merged = 0
  const takeLines = (lines: number): boolean => {
    const fits = lines <= room
    if (fits) room -= lines
    else merged += 1
    return fits
  }
  const requireFree = (name: string): void => {
    if (register.getSingleMetric(prefix + name) === undefined) return
    const message = `the register has a metric ${prefix + name} of its own; choose another prefix`
    throw new Misconfigured('ERR_OPTION_INVALID', message)
  }
  const metrics = new Map<string, Metric>()
  const book: MetricBook = {
    metrics,
    describe: (row) => {
      const known = metrics.get(row.name)
      if (known !== undefined) {
        known.describe(row)
        return known
      }
      requireFree(row.name)
      const metric = createMetric(row, takeLines)
      Object.assign(registerMetric(register, prefix + row.name, metric), { [BOOK]: book })
      metrics.set(row.name, metric)
      return metric
    },
  }
  // All before the first one is registered: what is refused leaves nothing behind.
  for (const { name } of METRICS.rows) requireFree(name)
  book.describe({ ...METRICS.row('series_merged_total'), read: () => merged })
  return book
}

/** Options bound agents and routes before they come here: by 10,000 at most, and two words for all others. */
const MOST_ADMITTED = { atMost: 10_002 }

function widened(row: MetricRow): MetricRow {
  const { agent, route } = row.labels
  return {
    ...row,
    labels: { ...row.labels, ...(agent && { agent: MOST_ADMITTED }), ...(route && { route: MOST_ADMITTED }) },
  }
}
