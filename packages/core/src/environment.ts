import type { SignatureVerifier } from './keys/key.ts'
import type { Report } from './seams/metric-row.ts'

/**
 * Time as an argument. `wallMs` is Unix time in milliseconds and judges `created` and `exp`; `monotonicMs` never
 * goes back and measures ages, deadlines and cooldowns.
 */
export interface Clock {
  /** The time of day. Unix milliseconds. */
  readonly wallMs: () => number
  /** Time that never goes back, from any beginning. Milliseconds. */
  readonly monotonicMs: () => number
}

/** The clock of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** What a check may use besides its arguments. One per guard factory. */
export interface Environment {
  /** Tells the time to every check. */
  readonly clock: Clock
  /** Verifies signatures. */
  readonly verifier: SignatureVerifier
  /** Counts or measures something by a closed name; reaches every observer. Cheap without observers. */
  readonly report: Report
  /** Whether refusals may carry a diagnosis. Never in production. */
  readonly development: boolean
  /** Whether answers must not tell which agents and keys exist: `errorDetail: 'minimal'`. */
  readonly hidesAgents: boolean
  /** Names this service where several share a store: the first of `origins`, in lower case. */
  readonly service: () => string
}
