import { RATE } from './layout.ts'

/** The past loses half its height in this time. */
const HALF_LIFE_SECONDS = 14 * 86_400
/** What one day may make of the most so far; twice as much while an agent settles in. */
const GROWTH = 1.25
const SETTLING_GROWTH = 2
/** What slow growth may make of what the agent did while it settled in. */
const MOST_GROWTH = 4

/** What learning takes into account. */
export interface Learning {
  readonly isLearning: boolean
  readonly isProbation: boolean
  /** The first week of work: what it shows is what later growth is measured by. */
  readonly isSettling: boolean
}

/** Adds to a count in sliding windows, and learns from each window that ends. Returns the count of the last whole window's length. */
export function countRate(
  cells: Float64Array,
  from: number,
  amount: number,
  atSeconds: number,
  windowSeconds: number,
  learning: Learning,
): number {
  const windowAt = Math.floor(atSeconds / windowSeconds)
  const passed = windowAt - (cells[from + RATE.windowAt] as number)
  // A clock that was set back by more than a window counts from there anew.
  if (passed > 0 || passed < -1) {
    const ended = cells[from + RATE.current] as number
    learnWindow(cells, from, ended, atSeconds, learning)
    cells[from + RATE.before] = passed === 1 ? ended : 0
    cells[from + RATE.current] = 0
    cells[from + RATE.windowAt] = windowAt
  }
  const current = (cells[from + RATE.current] as number) + amount
  cells[from + RATE.current] = current
  const part = 1 - (atSeconds / windowSeconds - windowAt)
  return current + (cells[from + RATE.before] as number) * part
}

/** The most that one window had so far, faded. */
export function mostSoFar(cells: Float64Array, from: number): number {
  return cells[from + RATE.most] as number
}

function learnWindow(
  cells: Float64Array,
  from: number,
  ended: number,
  atSeconds: number,
  { isLearning, isProbation, isSettling }: Learning,
): void {
  if (!isLearning || ended === 0) return
  const passed = Math.max(0, atSeconds - (cells[from + RATE.mostAt] as number))
  const most = (cells[from + RATE.most] as number) * 2 ** (-passed / HALF_LIFE_SECONDS)
  cells[from + RATE.mostAt] = atSeconds
  if (isProbation) {
    cells[from + RATE.most] = Math.max(most, ended)
    cells[from + RATE.anchor] = Math.max(cells[from + RATE.anchor] as number, ended)
    return
  }
  const anchor = cells[from + RATE.anchor] as number
  if (anchor === 0) cells[from + RATE.anchor] = ended
  const day = Math.floor(atSeconds / 86_400)
  if (day !== cells[from + RATE.day]) {
    cells[from + RATE.day] = day
    cells[from + RATE.dayMost] = most
  }
  const ofDay = Math.max(1, cells[from + RATE.dayMost] as number) * (isSettling ? SETTLING_GROWTH : GROWTH)
  const limit = isSettling ? ofDay : Math.max(anchor, 1) * MOST_GROWTH
  const learned = Math.max(most, Math.min(ended, ofDay, limit))
  cells[from + RATE.most] = learned
  if (isSettling) cells[from + RATE.anchor] = Math.max(anchor, learned)
}

/** Takes what the latest windows had for usual: a person has looked at it. */
export function acceptRate(cells: Float64Array, from: number, atSeconds: number): void {
  const seen = Math.max(cells[from + RATE.current] as number, cells[from + RATE.before] as number)
  cells[from + RATE.most] = Math.max(cells[from + RATE.most] as number, seen)
  cells[from + RATE.anchor] = Math.max(cells[from + RATE.anchor] as number, seen)
  cells[from + RATE.mostAt] = atSeconds
}
