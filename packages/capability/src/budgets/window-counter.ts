/** What was taken from a budget lately, in slices of its window. */
export interface WindowCounter {
  readonly windowSeconds: number
  /** Taken, by the number of the slice. */
  readonly slices: Map<number, number>
}

/** A window in this many slices: what was taken is given free up to a sixtieth late, and never early. */
export const SLICES = 60

/** The slice of a moment. */
export function sliceOf(nowMs: number, windowSeconds: number): number {
  return Math.floor((nowMs * SLICES) / (windowSeconds * 1000))
}

/** Forgets the slices that no window reaches back to, and says how much is taken in the others. */
export function countTaken({ slices }: WindowCounter, slice: number): number {
  let taken = 0
  for (const [each, count] of slices) {
    // The oldest slice is counted whole, though only part of it lies in the window. One in the future is, too.
    if (each < slice - SLICES) slices.delete(each)
    else taken += count
  }
  return taken
}

/** After how many seconds so much will be free. */
export function secondsUntilFree({ slices, windowSeconds }: WindowCounter, needed: number, nowMs: number): number {
  const slice = sliceOf(nowMs, windowSeconds)
  let freed = 0
  for (const [each, count] of [...slices].sort(([a], [b]) => a - b)) {
    freed += count
    if (freed >= needed) {
      const untilMs = ((each + SLICES + 1) * windowSeconds * 1000) / SLICES
      return Math.max(1, Math.ceil((untilMs - nowMs) / 1000))
    }
  }
  return Math.ceil(((slice + SLICES + 1) * windowSeconds) / SLICES)
}
