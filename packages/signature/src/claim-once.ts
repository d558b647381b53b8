import {
  type ClaimResult,
  type Environment,
  isThenable,
  Refusal,
  type ReplayClaim,
  type ReplayStore,
  Unavailable,
} from '@countermark/core'

/**
 * Claims a proof in a replay store; at once when the store can.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 */
export function claimOnce(claim: ReplayClaim, store: ReplayStore, environment: Environment): void | Promise<void> {
  const result = store.claim(claim, environment)
  return isThenable(result) ? result.then(requireClaimed) : requireClaimed(result)
}

const REFUSALS: Readonly<Record<Exclude<ClaimResult, 'claimed'>, () => Refusal>> = {
  replayed: () => new Refusal('replay_detected', 'it was used before'),
  unproven: () => new Refusal('freshness_unproven', 'it was signed before the replay store could remember: sign again'),
  over_quota: () => new Refusal('rate_limited', 'this key holds too many live claims', { retryAfterSeconds: 1 }),
  full: () => new Unavailable('replay_store_unavailable', 'replay', 'the replay store has no room left'),
}

function requireClaimed(result: ClaimResult): void {
  if (result !== 'claimed') throw REFUSALS[result]()
}
