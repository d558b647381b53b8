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
 * Sends a command and waits for its answer, but not for long.
 * @throws {@link Unavailable} the store's code
 */
export type AskRedis = (environment: Environment, ...command: readonly [string, ...string[]]) => Promise<unknown>

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

  return async (environment, ...command) => {
    const nowMs = environment.clock.monotonicMs()
    const isOpen = failures >= FAILURES_TO_OPEN
    if (isOpen && nowMs < nextProbeMs) throw unavailable(new Error('Redis did not answer lately'))
    nextProbeMs = nowMs + PROBE_EVERY_MS
    try {
      const answer = await withDeadline(send(...command), deadlineMs)
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

/** The work goes on; what comes of it later is left unheard. */
function withDeadline<Value>(work: Promise<Value>, deadlineMs: number): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    const expire = (): void => reject(new Error(`no answer within ${deadlineMs} ms`))
    // Timers run before input is read: an answer that already lies in the socket still counts.
    const timer = setTimeout(() => setImmediate(expire), deadlineMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
