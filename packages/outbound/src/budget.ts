/** A number of tries per minute. */
export interface Budget {
  /** Takes one try if there is one left. */
  readonly take: (nowMs: number) => boolean
  readonly isSpent: (nowMs: number) => boolean
  /** Which part of it is left, from 0 to 1. */
  readonly partLeft: (nowMs: number) => number
  /** Gives back a try that was worth it. */
  readonly giveBack: () => void
}

/** Allows so many tries at once, refilled evenly over each minute. Without timers: the time comes with each question. */
export function createBudget(perMinute: number, atOnce: number = perMinute): Budget {
  let left = atOnce
  let refilledAtMs: number | undefined
  const refill = (nowMs: number): number => {
    const elapsedMs = Math.max(0, nowMs - (refilledAtMs ?? nowMs))
    left = Math.min(atOnce, left + (elapsedMs / 60_000) * perMinute)
    refilledAtMs = nowMs
    return left
  }
  return {
    isSpent: (nowMs) => refill(nowMs) < 1,
    partLeft: (nowMs) => refill(nowMs) / atOnce,
    take: (nowMs) => {
      if (refill(nowMs) < 1) return false
      left--
      return true
    },
    giveBack: () => {
      left = Math.min(atOnce, left + 1)
    },
  }
}
