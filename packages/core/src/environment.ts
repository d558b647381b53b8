import type { Clock } from './clock.ts'
import type { Measurement } from './observer.ts'
import type { SignatureVerifier } from './signature-verifier.ts'

/** What a check may use besides its arguments. One per guard factory. */
export interface Environment {
  readonly clock: Clock
  readonly verifier: SignatureVerifier
  /** Counts or measures something by a closed name; reaches every observer. Cheap when nobody listens. */
  readonly report: (measurement: Measurement) => void
  /** Whether refusals may carry a diagnosis. Never in production. */
  readonly development: boolean
}
