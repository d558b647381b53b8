import { type Environment, Refusal, type ReplayClaim, type ReplayStore } from '@countermark/core'
import { type ClaimRefusals, claimOnce, nodeVerifier, refusalOf, systemClock, then } from '@countermark/core/internal'

/**
 * Claims a signed message that belongs to no request; at once when the store answers at once.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `signature_expired`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 */
export function claimMessage(claim: ReplayClaim, store: ReplayStore, environment: Environment): void | Promise<void> {
  // Keys may have been waited for, and a store forgets a claim that is past its end at once.
  if (!(environment.clock.wallMs() <= claim.acceptUntil * 1000)) {
    throw new Refusal('signature_expired', 'the signature ended while its key was looked for')
  }
  return then(claimOnce(store, claim, environment), (answer) => {
    const refusal = refusalOf(answer, REFUSALS)
    if (refusal !== undefined) throw refusal
  })
}

const REFUSALS: ClaimRefusals = {
  replayed: () => new Refusal('replay_detected', 'it was used before'),
  unproven: () => new Refusal('freshness_unproven', 'it was signed before the replay store could remember: sign again'),
}

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
