/** What a detector remembers: always so many numbers, 8 bytes each. */
export const VELOCITY_CELLS = 55

/** A detector of what a series of counts never did before. Learns from every value; there is no training. */
export interface Velocity {
  /** Takes the count of the next period. From 1 on it is an alarm; what goes on does not alarm again. */
  readonly observe: (value: number, atSeconds: number) => number
  /** The latest alarm with its figures; empty before the first one. */
  readonly sentence: () => string
  /** The same as figures: what was seen, and the range that it left. */
  readonly latest: () => { readonly seen: number; readonly low: number; readonly high: number }
}

/** One way to look at a series, and how much weight it has when it leaves its own range. */
interface View {
  readonly weight: number
  readonly sentence: (seen: string, low: string, high: string) => string
}

const range =
  (what: string) =>
  (seen: string, low: string, high: string): string =>
    `${what} ${seen}; ${low} to ${high} is usual`

// Weights, memories and the alarm were chosen by measurement: decision 052.
const VIEWS: readonly View[] = [
  { weight: 1.5, sentence: range('a count of') },
  { weight: 0.7, sentence: range('a mean over 10 periods of') },
  { weight: 1, sentence: range('a mean over 24 periods of') },
  { weight: 1, sentence: range('a step from the mean over 24 periods by') },
  { weight: 0.5, sentence: range('a distance from the mean at this hour of') },
  { weight: 0.5, sentence: range('a logarithm of the change over 10 periods of') },
  { weight: 1, sentence: range('a logarithm of the change over 24 periods of') },
]
const ALARM = 0.0524
const SHORT = 10
const LONG = 24
const MEMORY = 500
const HOUR_PART = 0.2
/** What the range gives back of itself in one period. */
const LEAK = 0.0001
/** No alarm before so many values. */
const WARM = 50
/** What is left of an alarm after one period: only a greater one is a new one. */
const FADE = 0.95
/** A range is at least this part of the mean: a constant series must not alarm at its first small change. */
const NARROWEST = 0.05

const [COUNT, MEAN, SPREAD, SHORT_MEAN, LONG_MEAN, SHORT_CHANGE, LONG_CHANGE, BEFORE, PEAK] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
]
const HOURS = 10
const RANGES = HOURS + 24
const [HIGH, LOW, MIDDLE, RANGE_CELLS] = [0, 1, 2, 3]

/** Makes a detector; give it cells of its own to keep it elsewhere. */
export function createVelocity(cells: Float64Array = new Float64Array(VELOCITY_CELLS)): Velocity {
  const seen = new Float64Array(VIEWS.length)
  const said = { view: -1, seen: 0, low: 0, high: 0 }
  return {
    observe: (value, atSeconds) => {
      const floor = look(cells, seen, value, atSeconds)
      const count = cells[COUNT] as number
      let score = 0
      for (let view = 0; view < VIEWS.length; view++) {
        const now = seen[view] as number
        const from = RANGES + view * RANGE_CELLS
        const [high, low] = [cells[from + HIGH] as number, cells[from + LOW] as number]
        const width = Math.max(high - low, view < 5 ? floor : 1, 1e-12)
        const beyond = count <= WARM ? 0 : Math.max(0, now - high, low - now) / width
        const here = (beyond * (VIEWS[view] as View).weight) / ALARM
        if (here > score) {
          score = here
          if (here >= 1) Object.assign(said, { view, seen: now, low, high })
        }
        learnRange(cells, from, now, count)
      }
      const peak = cells[PEAK] as number
      cells[PEAK] = Math.max(peak * FADE, score)
      return score > peak ? score : 0
    },
    latest: () => said,
    sentence: () => VIEWS[said.view]?.sentence(short(said.seen), short(said.low), short(said.high)) ?? '',
  }
}

/** Sees a value in every view and learns it; returns the narrowest width of a range. */
function look(cells: Float64Array, seen: Float64Array, value: number, atSeconds: number): number {
  const count = (cells[COUNT] as number) + 1
  cells[COUNT] = count
  const floor = Math.max(1e-9, NARROWEST * Math.abs(cells[MEAN] as number))
  const change = count === 1 ? 0 : Math.abs(value - (cells[BEFORE] as number))
  cells[BEFORE] = value
  seen[3] = count === 1 ? 0 : value - (cells[LONG_MEAN] as number)
  seen[4] = distanceFromHour(cells, value, atSeconds, count)
  seen[0] = value
  seen[1] = approach(cells, SHORT_MEAN, value, SHORT, count)
  seen[2] = approach(cells, LONG_MEAN, value, LONG, count)
  const shortChange = approach(cells, SHORT_CHANGE, change, SHORT, count)
  const longChange = approach(cells, LONG_CHANGE, change, LONG, count)
  const distance = value - (cells[MEAN] as number)
  const part = Math.max(1 / count, 1 / MEMORY)
  approach(cells, MEAN, value, MEMORY, count)
  const spread = cells[SPREAD] as number
  cells[SPREAD] = spread + part * (distance * distance * (1 - part) - spread)
  const least = 0.02 * Math.sqrt(cells[SPREAD] as number) + 0.1 * floor
  seen[5] = Math.log(shortChange + least)
  seen[6] = Math.log(longChange + least)
  return floor
}

/** A day's rhythm: each hour of the day (UTC) has a mean of its own. */
function distanceFromHour(cells: Float64Array, value: number, atSeconds: number, count: number): number {
  const cell = HOURS + (Math.floor(atSeconds / 3600) % 24)
  if (count === 1) cells.fill(Number.NaN, HOURS, HOURS + 24)
  const mean = cells[cell] as number
  if (Number.isNaN(mean)) {
    cells[cell] = value
    return 0
  }
  cells[cell] = mean + HOUR_PART * (value - mean)
  return value - mean
}

function learnRange(cells: Float64Array, from: number, now: number, count: number): void {
  const middle = approach(cells, from + MIDDLE, now, MEMORY, count)
  const high = count === 1 ? now : Math.max(cells[from + HIGH] as number, now)
  const low = count === 1 ? now : Math.min(cells[from + LOW] as number, now)
  const leak = count > 2 ? LEAK : 0
  cells[from + HIGH] = high - leak * Math.max(0, high - middle)
  cells[from + LOW] = low + leak * Math.max(0, middle - low)
}

/** A mean that forgets: of all values at first, of about the last `memory` later on. */
function approach(cells: Float64Array, cell: number, value: number, memory: number, count: number): number {
  const before = cells[cell] as number
  const after = before + (value - before) * Math.max(1 / count, 1 / memory)
  cells[cell] = after
  return after
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}
