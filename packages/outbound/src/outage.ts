/** How waits grow. */
export interface BackoffRules {
  /** Wait after the first failure. */
  readonly firstMs: number
  /** Each further wait is this many times the one before. */
  readonly factor: number
  readonly longestMs: number
  /** From 0 up to, not including, 1. */
  readonly random: () => number
}

/**
 * How long to wait after so many failures in a row: growing up to a limit, shortened by up to a quarter at random so
 * that processes which failed together do not come back together.
 */
export function backoffMs(failures: number, rules: BackoffRules): number {
  const full = Math.min(rules.longestMs, rules.firstMs * rules.factor ** (failures - 1))
  return full * (1 - rules.random() / 4)
}

/** Knows when everything behind one endpoint fails. */
export interface Outage {
  /** Whether a try makes sense now; during an outage one a step of the backoff. */
  readonly mayTry: (nowMs: number) => boolean
  /** Whether {@link Outage.mayTry} would say no. Takes no turn. */
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
