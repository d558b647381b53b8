/** One labelled stretch of a series, both ends included, in the unit of the series' times. */
export interface Window {
  readonly from: number
  readonly until: number
}

/** A series as the detector saw it: its times, what the detector said at each, and the labelled anomalies. */
export interface ScoredSeries {
  readonly times: readonly number[]
  readonly scores: ArrayLike<number>
  readonly windows: readonly Window[]
}

/** What a detection at one row is worth: `window` is -1 outside of every labelled stretch. */
export interface Row {
  readonly score: number
  readonly worth: number
  readonly window: number
}

export interface NabScore {
  /** 100 is every window found at its first row and nothing else; 0 is a detector that says nothing. */
  readonly normalised: number
  /** The sum before it is normalised: 0 for a detector that says nothing, 2 for each window of a perfect one. */
  readonly raw: number
  readonly threshold: number
  readonly found: number
  readonly windows: number
  readonly falseAlarms: number
}

/** Lavin and Ahmad 2015, table of application profiles: standard. */
export const standardProfile = { hit: 1, falseAlarm: 0.11, miss: 1 } as const

const PROBATION_SHARE = 0.15
const PROBATION_ROWS = 5000

/** The share of a series in which nothing is scored, so that a detector can learn. */
export function probationOf(length: number): number {
  return Math.floor(PROBATION_SHARE * Math.min(length, PROBATION_ROWS))
}

/** Lavin and Ahmad 2015, equation 1: +1 at the left end of a window, 0 at its right end, -1 far behind it. */
export function scaledSigmoid(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1
}

/** The rows of one series that count, each with what a detection there would be worth. */
export function rowsOf(series: ScoredSeries): Row[] {
  const spans = series.windows.map((window) => spanOf(series.times, window)).filter((span) => span.last >= span.first)
  const rows: Row[] = []
  let next = 0
  for (let index = probationOf(series.times.length); index < series.times.length; index++) {
    while (next < spans.length && index > (spans[next] as Span).last) next++
    rows.push({ score: series.scores[index] ?? 0, ...worthOf(index, spans, next) })
  }
  return rows
}

/** The score of many series at one threshold for all of them. */
export function scoreAt(threshold: number, all: readonly (readonly Row[])[], counts: readonly number[]): NabScore {
  const tally = { found: 0, falseAlarms: 0, raw: 0 }
  for (const rows of all) tallySeries(threshold, rows, tally)
  const windows = counts.reduce((sum, count) => sum + count, 0)
  return finish(tally, windows, threshold)
}

/** The threshold, one for all series, that scores best: the benchmark gives every detector this choice. */
export function bestThreshold(all: readonly (readonly Row[])[], counts: readonly number[]): NabScore {
  const windows = counts.reduce((sum, count) => sum + count, 0)
  const ordered = all
    .flatMap((rows, series) => rows.map((row) => ({ ...row, key: `${series}/${row.window}` })))
    .sort((a, b) => b.score - a.score)
  const best = new Map<string, number>()
  const tally = { found: 0, falseAlarms: 0, raw: 0 }
  let chosen = finish(tally, windows, Number.POSITIVE_INFINITY)
  for (const [index, row] of ordered.entries()) {
    addRow(row, row.key, best, tally)
    if (ordered[index + 1]?.score === row.score) continue
    const here = finish(tally, windows, row.score)
    if (here.normalised > chosen.normalised) chosen = here
  }
  return chosen
}

interface Tally {
  found: number
  falseAlarms: number
  raw: number
}

interface Span {
  readonly first: number
  readonly last: number
}

function spanOf(times: readonly number[], window: Window): Span {
  const first = times.findIndex((time) => time >= window.from)
  const last = times.findLastIndex((time) => time <= window.until)
  return { first: first === -1 ? times.length : first, last }
}

function worthOf(index: number, spans: readonly Span[], next: number): { worth: number; window: number } {
  const current = spans[next]
  if (current !== undefined && index >= current.first) {
    const width = current.last - current.first + 1
    const position = -(current.last - index + 1) / width
    return { worth: (standardProfile.hit * scaledSigmoid(position)) / scaledSigmoid(-1), window: next }
  }
  const before = spans[next - 1]
  if (before === undefined) return { worth: -standardProfile.falseAlarm, window: -1 }
  const position = (index - before.last) / Math.max(1, before.last - before.first)
  return { worth: standardProfile.falseAlarm * scaledSigmoid(position), window: -1 }
}

function tallySeries(threshold: number, rows: readonly Row[], tally: Tally): void {
  const best = new Map<string, number>()
  for (const row of rows) {
    if (row.score >= threshold) addRow(row, String(row.window), best, tally)
  }
}

function addRow(row: Row, key: string, best: Map<string, number>, tally: Tally): void {
  if (row.window === -1) {
    tally.falseAlarms++
    tally.raw += row.worth
    return
  }
  const before = best.get(key)
  if (before === undefined) {
    tally.found++
    tally.raw += standardProfile.miss
  }
  if (before === undefined || row.worth > before) {
    tally.raw += row.worth - (before ?? 0)
    best.set(key, row.worth)
  }
}

/** `raw` counts from the detector that says nothing, which is minus one miss per window. */
function finish(tally: Tally, windows: number, threshold: number): NabScore {
  const perfect = windows * (standardProfile.hit + standardProfile.miss)
  const normalised = perfect === 0 ? 0 : (100 * tally.raw) / perfect
  return { normalised, raw: tally.raw, threshold, found: tally.found, windows, falseAlarms: tally.falseAlarms }
}
