/** Label names with their values, in the order of the row. */
export type Labels = Readonly<Record<string, string>>

/** A trace that shows an observation (OpenMetrics 1.0, exemplars), as prom-client writes it. */
export interface Exemplar {
  readonly labelSet: Labels
  readonly value: number
  /** Unix seconds. */
  readonly timestamp: number
}

/** What a metric says of one set of labels. */
export interface Series {
  readonly labels: Labels
  /** For a histogram the number of observations. */
  value: number
  /** Whether there is something to show. */
  isSet: boolean
  /** What prom-client's counter was told last. */
  shown: number | undefined
  readonly histogram: HistogramCounts | undefined
}

/** Observations of one histogram series. */
export interface HistogramCounts {
  readonly bounds: readonly number[]
  /** Not cumulative; the last one is beyond all bounds. */
  readonly counts: number[]
  readonly exemplars: (Exemplar | undefined)[]
  sum: number
}

/** Creates a series at 0. */
export function createSeries(labels: Labels, bounds: readonly number[] | undefined, isSet: boolean): Series {
  const slots = (bounds?.length ?? 0) + 1
  return {
    labels,
    value: 0,
    isSet,
    shown: undefined,
    histogram: bounds && {
      bounds,
      counts: new Array<number>(slots).fill(0),
      exemplars: new Array<Exemplar | undefined>(slots).fill(undefined),
      sum: 0,
    },
  }
}

/** Counts an observation. */
export function observe(series: Series, value: number, exemplar?: Exemplar): void {
  const { histogram } = series
  if (histogram === undefined || Number.isNaN(value)) return
  const { bounds, counts, exemplars } = histogram
  let slot = 0
  while (slot < bounds.length && value > (bounds[slot] as number)) slot += 1
  counts[slot] = (counts[slot] as number) + 1
  if (exemplar !== undefined) exemplars[slot] = exemplar
  histogram.sum += value
  series.value += 1
}

/** Gives a gauge its value. */
export function set(series: Series, value: number): void {
  series.value = value
  series.isSet = true
}

/** Begins anew. */
export function resetSeries(series: Series): void {
  series.value = 0
  series.shown = undefined
  const { histogram } = series
  if (histogram === undefined) return
  histogram.counts.fill(0)
  histogram.exemplars.fill(undefined)
  histogram.sum = 0
}

/** The series of a metric, found value by value: no key is put together and hashed for each measurement. */
export interface SeriesTree {
  /** A label that is not there is empty. */
  readonly find: (labels: Labels) => Series | undefined
  readonly add: (series: Series) => void
  /** In the order in which they were added. */
  readonly all: readonly Series[]
}

interface Branch {
  readonly below: Map<string, Branch>
  series: Series | undefined
}

/** Creates an empty tree for labels of these names. */
export function createSeriesTree(labelNames: readonly string[]): SeriesTree {
  const root: Branch = { below: new Map(), series: undefined }
  const all: Series[] = []
  return {
    all,
    find: (labels) => {
      let branch: Branch | undefined = root
      for (let index = 0; index < labelNames.length && branch !== undefined; index++) {
        branch = branch.below.get(labels[labelNames[index] as string] ?? '')
      }
      return branch?.series
    },
    add: (series) => {
      let branch = root
      for (const name of labelNames) {
        const value = series.labels[name] ?? ''
        const next = branch.below.get(value) ?? { below: new Map(), series: undefined }
        branch.below.set(value, next)
        branch = next
      }
      branch.series = series
      all.push(series)
    },
  }
}
