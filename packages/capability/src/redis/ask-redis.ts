import { type Environment, type RefusalCode, Unavailable } from '@countermark/core'
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

const FAILURES_TO_OPEN = 5
const PROBE_EVERY_MS = 1000

/** After failures in a row callers are spared the wait: one a second tries whether Redis is back. */
export function createAskRedis({ send, deadlineMs, code, dependency }: AskRedisOptions): AskRedis {
  let failures = 0
  let nextProbeMs = 0
  const report = ({ report: tell }: Environment, value: 0 | 1): void =>
    tell({ name: 'degraded', kind: 'gauge', value, labels: { dependency } })
  const unavailable = (cause: unknown): Unavailable =>
    new Unavailable(code, dependency, `the store of ${dependency} does not answer`, { cause })

  return async (environment, command, onLate) => {
    const nowMs = environment.clock.monotonicMs()
    const isOpen = failures >= FAILURES_TO_OPEN
    if (isOpen && nowMs < nextProbeMs) throw unavailable(new Error('Redis did not answer lately'))
    nextProbeMs = nowMs + PROBE_EVERY_MS
    try {
      const answer = await withDeadline(send(...command), deadlineMs, onLate)
      if (failures >= FAILURES_TO_OPEN) report(environment, 0)
      failures = 0
      return answer
    } catch (error) {
      failures += 1
      if (failures === FAILURES_TO_OPEN) report(environment, 1)
      throw unavailable(error)
    }
  }
}

function withDeadline(
  work: Promise<unknown>,
  deadlineMs: number,
  onLate: (answer: unknown) => void = () => undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const expire = (): void => {
      isOver = true
      reject(new Error(`no answer within ${deadlineMs} ms`))
    }
    // Timers run before input is read: an answer that already lies in the socket still counts.
    const timer = setTimeout(() => setImmediate(expire), deadlineMs)
    const settle = (tell: () => void): void => {
      clearTimeout(timer)
      tell()
    }
    work.then(
      (answer) => settle(() => (isOver ? onLate(answer) : resolve(answer))),
      (error: unknown) => settle(() => reject(error)),
    )
  })
}
