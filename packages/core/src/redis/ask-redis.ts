import { type BreakerRule, createCircuitBreaker } from '../circuit-breaker.ts'
import { withDeadline } from '../deadline.ts'
import type { Environment } from '../environment.ts'
import { Unavailable } from '../refusal.ts'
import type { RefusalCode } from '../refusal-codes.ts'
import type { SendCommand } from './redis-client.ts'

/** How Redis is asked on behalf of a store. */
export interface AskRedisOptions {
  readonly send: SendCommand
  readonly deadlineMs: number
  /** The code and the closed word for it when Redis does not answer. */
  readonly code: RefusalCode
  readonly dependency: string
}

/**
 * Sends a command and waits for its answer, but not for long. What comes later goes to `onLate`.
 * @throws {@link Unavailable} the store's code
 */
export type AskRedis = (
  environment: Environment,
  command: readonly [string, ...string[]],
  onLate?: (answer: unknown) => void,
) => Promise<unknown>

/** When callers are spared the wait for Redis, and how often one of them tries whether it is back. */
export const REDIS_BREAKER: BreakerRule = { failuresToOpen: 5, probeEveryMs: 1000 }

/** Asks Redis with a deadline and behind a breaker that opens after five failures in a row. */
export function createAskRedis({ send, deadlineMs, code, dependency }: AskRedisOptions): AskRedis {
  const breaker = createCircuitBreaker(REDIS_BREAKER)
  const unavailable = (cause: unknown): Unavailable =>
    new Unavailable(code, dependency, `the store of ${dependency} does not answer`, { cause })
  return async (environment, command, onLate) => {
    const { clock, report } = environment
    if (!breaker.allows(clock.monotonicMs())) throw unavailable(new Error('Redis did not answer lately'))
    try {
      const answer = await withDeadline(send(...command), deadlineMs, onLate)
      if (breaker.succeeded()) reportDegraded(report, dependency, 0)
      return answer
    } catch (error) {
      if (breaker.failed(clock.monotonicMs())) reportDegraded(report, dependency, 1)
      throw unavailable(error)
    }
  }
}

/** Tells that a dependency is out of reach (1), or back (0). */
export function reportDegraded(report: Environment['report'], dependency: string, value: 0 | 1): void {
  report({ name: 'degraded', kind: 'gauge', value, labels: { dependency } })
}
