import { type Labels, writeLabels, writeNumber } from './label-text.ts'

/** What accompanies an observation: a trace that shows it (OpenMetrics 1.0, exemplars). */
export interface Exemplar {
  readonly labels: Labels
  readonly value: number
  /** Unix seconds. */
  readonly timestamp: number
}

/** One line of a metric, or for a histogram all lines that share their labels. */
export interface Series {
  readonly labels: Labels
  readonly values: readonly string[]
  value: number
  /** Whether there is something to show. */
  isSet: boolean
  /** The line as it was shown last, and the value it shows. */
  line: string
  shown: number
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
    values: Object.values(labels),
    value: 0,
    isSet,
    line: '',
    shown: Number.NaN,
    histogram: bounds && {
      bounds,
      counts: new Array<number>(slots).fill(0),
      exemplars: new Array<Exemplar | undefined>(slots).fill(undefined),
      sum: 0,
    },
  }
}

/** Counts an observation. `series.value` is the number of them. */
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

/** How lines are written. */
export interface LineStyle {
  readonly name: string
  /** Labels that the register gives every metric, written. */
  readonly more: string
  readonly openMetrics: boolean
}

/** The lines of a series, each with its newline; made again only when its value has changed. */
export function writeSeries(series: Series, style: LineStyle): string {
  if (series.shown === series.value) return series.line
  const { histogram, labels, value } = series
  const own = [writeLabels(labels), style.more].filter((text) => text !== '').join(',')
  series.line =
    histogram === undefined
      ? `${style.name}${braced(own)} ${writeNumber(value)}\n`
      : writeHistogram(histogram, { ...style, own, count: value })
  series.shown = value
  return series.line
}

interface HistogramStyle extends LineStyle {
  readonly own: string
  readonly count: number
}

function writeHistogram({ bounds, counts, exemplars, sum }: HistogramCounts, style: HistogramStyle): string {
  const { name, own, count, openMetrics } = style
  const rest = own === '' ? '' : `,${own}`
  let text = ''
  let total = 0
  for (const [slot, found] of counts.entries()) {
    total += found
    const exemplar = openMetrics ? writeExemplar(exemplars[slot]) : ''
    text += `${name}_bucket{le="${writeNumber(bounds[slot] ?? Number.POSITIVE_INFINITY)}"${rest}} ${total}${exemplar}\n`
  }
  return `${text}${name}_sum${braced(own)} ${writeNumber(sum)}\n${name}_count${braced(own)} ${count}\n`
}

function writeExemplar(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  return ` # {${writeLabels(exemplar.labels)}} ${writeNumber(exemplar.value)} ${exemplar.timestamp}`
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}
