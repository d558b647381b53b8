import { type BackoffRules, backoffMs } from './backoff.ts'

/** Knows when everything behind one endpoint fails. */
export interface Outage {
  /** Whether a try makes sense now; during an outage one a step of the backoff. */
  readonly mayTry: (nowMs: number) => boolean
  /** Whether {@link Outage.mayTry} would say no. Takes nobody's turn. */
  readonly isClosed: (nowMs: number) => boolean
  readonly succeeded: () => void
  readonly failed: (nowMs: number, error: unknown) => void
  /** The last failure. */
  readonly error: () => unknown
}

/** Failures in a row, whatever was asked for, that make an outage. Fewer may be the fault of what was asked for. */
const THRESHOLD = 5

/** Makes the circuit breaker that all keys of one cache share. */
export function createOutage(rules: BackoffRules): Outage {
  let failures = 0
  let retryAtMs = 0
  let lastError: unknown
  const waitFrom = (nowMs: number): number => nowMs + backoffMs(failures - THRESHOLD + 1, rules)
  const isClosed = (nowMs: number): boolean => failures >= THRESHOLD && nowMs < retryAtMs
  return {
    isClosed,
    mayTry: (nowMs) => {
      if (isClosed(nowMs)) return false
      if (failures < THRESHOLD) return true
      // This caller probes; the others wait another step for what it finds.
      retryAtMs = waitFrom(nowMs)
      return true
    },
    succeeded: () => {
      failures = 0
    },
    failed: (nowMs, error) => {
      failures++
      lastError = error
      if (failures >= THRESHOLD) retryAtMs = waitFrom(nowMs)
    },
    error: () => lastError,
  }
}
