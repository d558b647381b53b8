import type { Clock } from './clock.ts'
import type { GuardSettings } from './guard-options.ts'
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
  /** Whether answers must not tell which agents and keys exist: `errorDetail: 'minimal'`. */
  readonly hidesAgents: boolean
  /** Names this service where several share a store: the first of `authorities`, in lower case. */
  readonly service: () => string
}

/** Makes the environment of one guard factory. */
export function createEnvironment(settings: GuardSettings): Environment {
  const { clock, verifier, development, errorDetail, observers, service } = settings
  const measurers = observers.filter((observer) => observer.measured !== undefined)
  return {
    clock,
    verifier,
    development,
    hidesAgents: errorDetail === 'minimal',
    service,
    report: (measurement) => {
      for (const observer of measurers) {
        try {
          observer.measured?.(measurement)
        } catch {
          // Silence is right: reporting that a report failed would fail the same way.
        }
      }
    },
  }
}
