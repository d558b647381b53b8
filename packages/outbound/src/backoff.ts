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
