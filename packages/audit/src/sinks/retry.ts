/** How often something is tried, and how long one waits in between. */
export interface RetryRule {
  /** How often it is tried altogether. */
  readonly attempts: number
  /** The first wait, in milliseconds; each further one is twice as long, up to half a minute. */
  readonly backoffMs: number
  /** Waits; an argument so that tests need not. */
  readonly delay: (ms: number) => Promise<void>
}

/** A failure that another attempt may mend. */
export class Passing extends Error {
  override readonly name = 'Passing'
  /** How long whoever answered asks to wait. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs
  }
}

const LONGEST_WAIT_MS = 30_000

/** Tries again what fails in passing. Rejects with the last failure. */
export async function withRetries(rule: RetryRule, attempt: () => Promise<void>): Promise<void> {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Passing) || count >= rule.attempts) throw error
      const backoffMs = Math.max(error.retryAfterMs ?? 0, rule.backoffMs * 2 ** (count - 1))
      await rule.delay(Math.min(LONGEST_WAIT_MS, backoffMs))
    }
  }
}
