import type { Clock } from './clock.ts'
import type { Report } from './metric-row.ts'
import type { SignatureVerifier } from './signature-verifier.ts'

/** What a check may use besides its arguments. One per guard factory. */
export interface Environment {
  readonly clock: Clock
  readonly verifier: SignatureVerifier
  /** Counts or measures something by a closed name; reaches every observer. Cheap when nobody listens. */
  readonly report: Report
  /** Whether refusals may carry a diagnosis. Never in production. */
  readonly development: boolean
  /** Whether answers must not tell which agents and keys exist: `errorDetail: 'minimal'`. */
  readonly hidesAgents: boolean
  /** Names this service where several share a store: the first of `authorities`, in lower case. */
  readonly service: () => string
}
