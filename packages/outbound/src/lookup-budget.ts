import { LRUCache } from 'lru-cache'
import { type Budget, createBudget } from './budget.ts'

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
  const sources = new LRUCache<string, Budget>({ max: MAX_SOURCES })
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
