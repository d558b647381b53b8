import type { Environment } from '@countermark/core'
import { nodeVerifier, systemClock } from '@countermark/core/internal'

const STANDALONE: Environment = {
  clock: systemClock,
  verifier: nodeVerifier,
  report: () => undefined,
  development: false,
  hidesAgents: false,
  service: () => '',
}

/** An environment where there is no guard to make one: for queues, pipes and batch jobs. */
export function standaloneEnvironment(given: Partial<Environment> = {}): Environment {
  return { ...STANDALONE, ...given }
}
