/** A number of tries per minute. */
export interface Budget {
  /** Takes one try if there is one left. */
  readonly take: (nowMs: number) => boolean
  readonly isSpent: (nowMs: number) => boolean
  /** Gives back a try that was worth it. */
  readonly giveBack: () => void
}

/** Allows so many tries at once, refilled evenly over each minute. Without timers: the time comes with each question. */
export function createBudget(perMinute: number): Budget {
  let left = perMinute
  let refilledAtMs: number | undefined
  const isSpent = (nowMs: number): boolean => {
    const elapsedMs = Math.max(0, nowMs - (refilledAtMs ?? nowMs))
    left = Math.min(perMinute, left + (elapsedMs / 60_000) * perMinute)
    refilledAtMs = nowMs
    return left < 1
  }
  return {
    isSpent,
    take: (nowMs) => {
      if (isSpent(nowMs)) return false
      left--
      return true
    },
    giveBack: () => {
      left = Math.min(perMinute, left + 1)
    },
  }
}
