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
  value: number
  /** Whether there is something to show. */
  isSet: boolean
  /** The line as it was shown last, and the value it shows. */
  line: string
  shown: number
  /** What its lines say besides values, in the style they were written in last. */
  heads: readonly string[] | undefined
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
    line: '',
    shown: Number.NaN,
    heads: undefined,
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

/** Begins anew. A line may say the same number afterwards and yet other sums: none is kept. */
export function resetSeries(series: Series): void {
  series.value = 0
  series.shown = Number.NaN
  const { histogram } = series
  if (histogram === undefined) return
  histogram.counts.fill(0)
  histogram.exemplars.fill(undefined)
  histogram.sum = 0
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
  series.heads ??= writeHeads(series, style)
  series.line =
    series.histogram === undefined
      ? `${series.heads[0]}${writeNumber(series.value)}\n`
      : writeHistogram(series.histogram, series.heads, series.value, style.openMetrics)
  series.shown = series.value
  return series.line
}

/** What a line says besides its value. */
function writeHeads({ histogram, labels }: Series, { name, more }: LineStyle): readonly string[] {
  const own = [writeLabels(labels), more].filter((text) => text !== '').join(',')
  const braced = own === '' ? ' ' : `{${own}} `
  if (histogram === undefined) return [name + braced]
  const rest = own === '' ? '' : `,${own}`
  const limits = [...histogram.bounds, Number.POSITIVE_INFINITY].map(writeNumber)
  return [...limits.map((le) => `${name}_bucket{le="${le}"${rest}} `), `${name}_sum${braced}`, `${name}_count${braced}`]
}

function writeHistogram(
  { counts, exemplars, sum }: HistogramCounts,
  heads: readonly string[],
  count: number,
  openMetrics: boolean,
): string {
  let text = ''
  let total = 0
  for (let slot = 0; slot < counts.length; slot++) {
    total += counts[slot] as number
    text += `${heads[slot]}${total}${openMetrics ? writeExemplar(exemplars[slot]) : ''}\n`
  }
  return `${text}${heads[counts.length]}${writeNumber(sum)}\n${heads[counts.length + 1]}${count}\n`
}

function writeExemplar(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  return ` # {${writeLabels(exemplar.labels)}} ${writeNumber(exemplar.value)} ${exemplar.timestamp}`
}
