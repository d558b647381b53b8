/** Spares callers the wait for something that does not answer. Times are of the monotonic clock, in milliseconds. */
export interface CircuitBreaker {
  /** Whether to try; while the breaker is open, once for each probe interval. */
  readonly allows: (nowMs: number) => boolean
  /** Says whether this closed the breaker. */
  readonly succeeded: () => boolean
  /** Says whether this opened the breaker. */
  readonly failed: (nowMs: number) => boolean
}

/** When a breaker opens and probes. */
export interface BreakerRule {
  readonly failuresToOpen: number
  readonly probeEveryMs: number
}

/** Opens after failures in a row; the first success closes it. */
export function createCircuitBreaker({ failuresToOpen, probeEveryMs }: BreakerRule): CircuitBreaker {
  let failures = 0
  let nextProbeMs = 0
  return {
    allows: (nowMs) => {
      if (failures < failuresToOpen) return true
      if (nowMs < nextProbeMs) return false
      nextProbeMs = nowMs + probeEveryMs
      return true
    },
    succeeded: () => {
      const wasOpen = failures >= failuresToOpen
      failures = 0
      return wasOpen
    },
    failed: (nowMs) => {
      failures += 1
      if (failures !== failuresToOpen) return false
      nextProbeMs = nowMs + probeEveryMs
      return true
    },
  }
}
