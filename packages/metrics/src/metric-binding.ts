import { isMisconfigured, type MetricRow } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import { MARK, openBook, type Register } from './collector.ts'
import type { DecisionCounts } from './count-decisions.ts'
import type { Metric } from './metric.ts'
import type { MetricBook } from './metric-book.ts'
import { METRIC_ROWS } from './metric-rows.ts'
import { VERSION } from './version.ts'

/** The metrics that an observer counts in, and what it counts with. */
export interface Bound {
  readonly book: MetricBook
  readonly counts: DecisionCounts
}

/** What ties an observer to the metrics of its register. */
export interface Binding {
  readonly now: () => Bound
  /** The same, after a look whether the register still has them: `clear()` takes them out, and they come back from 0. */
  readonly renew: () => Bound
  readonly describe: (guard: GuardMetrics) => void
}

/** Where metrics stand. */
export interface MetricsPlace {
  readonly register: Register
  readonly prefix: string
  readonly maxSeries: number
}

/**
 * Opens the metrics of a register and keeps an observer with them.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createBinding(
  place: MetricsPlace,
  count: (metric: (name: string) => Metric) => DecisionCounts,
): Binding {
  const { register, prefix } = place
  const told: GuardMetrics[] = []
  let bound = bind()
  let mark = register.getSingleMetric(prefix + MARK)

  function bind(): Bound {
    const book = openBook(register, prefix, place.maxSeries)
    describeOwn(book)
    return { book, counts: count((name) => requireMetric(book, name)) }
  }

  function renew(): Bound {
    const present = register.getSingleMetric(prefix + MARK)
    if (present === mark) return bound
    mark = present
    try {
      const next = bind()
      for (const guard of told) tell(next, guard)
      keepStates(bound.book, next.book)
      bound = next
      mark = register.getSingleMetric(prefix + MARK)
    } catch (error) {
      // A metric of the application has taken a name meanwhile: it stays, and ours are counted out of sight.
      if (!isMisconfigured(error)) throw error
    }
    return bound
  }

  return {
    now: () => bound,
    renew,
    describe: (guard) => {
      tell(renew(), guard)
      told.push(guard)
    },
  }
}

function tell({ book, counts }: Bound, { checks, rows }: GuardMetrics): void {
  counts.described(checks)
  for (const row of rows) book.describe(row)
}

/** How things are is reported when it changes, and perhaps not again for a long time. */
function keepStates(from: MetricBook, to: MetricBook): void {
  for (const [name, { row, collect }] of from.metrics) {
    if (row.kind !== 'gauge' || OWN.has(name)) continue
    for (const { labels, value } of collect()) {
      Object.assign(requireMetric(to, name).seriesOf(labels), { value, isSet: true })
    }
  }
}

const OWN: ReadonlySet<string> = new Set(METRIC_ROWS.map(({ name }) => name))

/**
 * The metric of a row.
 * @throws TypeError when there is none
 */
export function requireMetric({ metrics }: MetricBook, name: string): Metric {
  const metric = metrics.get(name)
  if (metric === undefined) throw new TypeError(`${name} has no row`)
  return metric
}

/** Agents and routes are bounded before they come here, by options. */
function describeOwn(book: MetricBook): void {
  for (const row of METRIC_ROWS) book.describe(widened(row))
  book.describe({ ...rowNamed('series_merged_total'), read: book.refused })
  const labels = { version: [VERSION], node: [process.versions.node] }
  book.describe({ ...rowNamed(MARK), labels, read: isRunning })
}

/** `build_info` is read at each scrape, so that a reset does not remove it. */
const isRunning = (): number => 1

function rowNamed(name: string): MetricRow {
  const row = METRIC_ROWS.find((each) => each.name === name)
  if (row === undefined) throw new TypeError(`${name} has no row`)
  return row
}

const BOUNDED_BEFORE = ['agent', 'route']

function widened(row: MetricRow): MetricRow {
  const open = BOUNDED_BEFORE.filter((label) => label in row.labels).map((label) => [label, { atMost: MOST_ADMITTED }])
  return { ...row, labels: { ...row.labels, ...Object.fromEntries(open) } }
}

/** The most that the options allow, and the two words for all others. */
const MOST_ADMITTED = 10_002
