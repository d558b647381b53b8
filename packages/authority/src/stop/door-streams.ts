import { Refusal } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import type {} from '../http/codes.ts'
import { DOOR_METRICS } from '../metric-rows.ts'

/** How many streams doors may hold open in one process of the authority. */
export interface DoorStreamLimits {
  /** With one token. @default 1000 */
  readonly eachToken?: number
  /** With all of them. @default 10_000 */
  readonly all?: number
}

/** Counts open streams. */
export interface DoorStreams {
  /** @returns what to call once, when the stream has ended. @throws Refusal `streams_exhausted` */
  readonly open: (token: number) => () => void
  /** How many are open. */
  readonly count: () => number
}

/** What a stream costs is bounded: doors that get none ask for what is new, each second. */
const RETRY_SECONDS = 5

/** Creates the counter. `token` is the place of a token among those that are configured. */
export function createDoorStreams(
  { eachToken, all }: Required<DoorStreamLimits>,
  report: (measurement: Measurement) => void,
): DoorStreams {
  const byToken = new Map<number, number>()
  let count = 0
  const refuse = (limit: 'token' | 'all', most: number): Refusal => {
    report(DOOR_METRICS.measure('door_streams_refused_total', 1, { limit }))
    const whose = limit === 'token' ? 'with this token' : 'here'
    const message = `${most} streams are open ${whose}; ask for changes instead`
    return new Refusal('streams_exhausted', message, { retryAfterSeconds: RETRY_SECONDS })
  }
  return {
    count: () => count,
    open: (token) => {
      const own = byToken.get(token) ?? 0
      if (own >= eachToken) throw refuse('token', eachToken)
      if (count >= all) throw refuse('all', all)
      byToken.set(token, own + 1)
      count += 1
      let isOpen = true
      return () => {
        if (!isOpen) return
        isOpen = false
        count -= 1
        byToken.set(token, (byToken.get(token) ?? 1) - 1)
      }
    },
  }
}
