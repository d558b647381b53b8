import { createLRU } from 'lru.min'

/** Lets so many through at a time. */
export interface Gate {
  /** Goes through if there is no queue. A caller who went through must {@link Gate.leave}. */
  readonly tryEnter: () => boolean
  readonly leave: () => void
  /** Does work in its turn; throws what `refuse` makes when the queue is full. */
  readonly pass: <Result>(work: () => Promise<Result>, refuse: () => Error) => Promise<Result>
}

/** Makes a gate with a queue in front of it, first come first served. */
export function createGate(limits: { readonly concurrent: number; readonly waiting: number }): Gate {
  const queue: (() => void)[] = []
  let inside = 0
  const tryEnter = (): boolean => {
    if (inside >= limits.concurrent) return false
    inside++
    return true
  }
  const leave = (): void => {
    // The place is handed on, so a caller who comes just now cannot take it.
    const next = queue.shift()
    if (next === undefined) inside--
    else next()
  }
  return {
    tryEnter,
    leave,
    pass: async (work, refuse) => {
      if (!tryEnter()) {
        if (queue.length >= limits.waiting) throw refuse()
        await new Promise<void>((resolve) => queue.push(resolve))
      }
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}

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

/** Look-ups that may come to nothing, counted by where they come from and in all. */
export interface LookupBudget {
  /** Takes one if source and all of them have one left. */
  readonly take: (source: string, nowMs: number) => boolean
  readonly isSpent: (source: string, nowMs: number) => boolean
  /** Gives back one that was worth it. */
  readonly giveBack: (source: string) => void
}

/** How many look-ups there are. */
export interface LookupLimits {
  readonly perMinute: number
  readonly perMinutePerSource: number
}

const MAX_SOURCES = 4_096
/** This part of all look-ups is kept for sources of which little came to nothing. */
const RESERVE = 0.25
/** A source with less than this part of its own left has asked for much that is not there. */
const GOOD_STANDING = 0.5

/** Makes the two budgets of one cache. A source cannot use up what others need, and many sources together cannot all of it. */
export function createLookupBudget({ perMinute, perMinutePerSource }: LookupLimits): LookupBudget {
  const all = createBudget(perMinute, atOnce(perMinute))
  const sources = createLRU<string, Budget>({ max: MAX_SOURCES })
  const budgetOf = (source: string): Budget => {
    const known = sources.get(source)
    if (known !== undefined) return known
    const made = createBudget(perMinutePerSource, atOnce(perMinutePerSource))
    sources.set(source, made)
    return made
  }
  const isSpent = (source: string, nowMs: number): boolean => {
    const own = budgetOf(source)
    if (own.isSpent(nowMs) || all.isSpent(nowMs)) return true
    if (perMinutePerSource >= perMinute) return false
    return own.partLeft(nowMs) < GOOD_STANDING && all.partLeft(nowMs) < RESERVE
  }
  return {
    isSpent,
    take: (source, nowMs) => !isSpent(source, nowMs) && budgetOf(source).take(nowMs) && all.take(nowMs),
    giveBack: (source) => {
      budgetOf(source).giveBack()
      all.giveBack()
    },
  }
}

/** Ten seconds' worth at once: an hour of silence must not become a wave. */
function atOnce(perMinute: number): number {
  return Math.min(perMinute, Math.max(60, Math.ceil(perMinute / 6)))
}
