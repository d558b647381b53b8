import { type Clock, Refusal } from '@countermark/core'

/** Takes one call of a caller; refuses when there have been too many. @throws Refusal `rate_limited` */
export type TakeCall = (caller: string) => void

interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

const MOST_CALLERS = 10_000

/** So many calls a second for each proven caller, twice as many at once. What proves nothing is limited by the guard. */
export function createCallLimit(perSecond: number, clock: Clock): TakeCall {
  const buckets = new Map<string, Bucket>()
  const most = 2 * perSecond
  return (caller) => {
    const nowMs = clock.monotonicMs()
    const { tokens, atMs } = buckets.get(caller) ?? { tokens: most, atMs: nowMs }
    const filled = Math.min(most, tokens + ((nowMs - atMs) / 1000) * perSecond)
    // Set anew, so that those who have been quiet longest are forgotten first: their buckets are full by then.
    buckets.delete(caller)
    buckets.set(caller, { tokens: Math.max(0, filled - 1), atMs: nowMs })
    const [oldest] = buckets.keys()
    if (buckets.size > MOST_CALLERS && oldest !== undefined) buckets.delete(oldest)
    if (filled < 1) {
      throw new Refusal('rate_limited', `a caller may send ${perSecond} requests a second`, { retryAfterSeconds: 1 })
    }
  }
}
