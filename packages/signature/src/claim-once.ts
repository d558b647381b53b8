import {
  type ClaimResult,
  type Environment,
  isThenable,
  isUnavailable,
  Refusal,
  type ReplayClaim,
  type ReplayStore,
  Unavailable,
} from '@countermark/core'

/**
 * Claims a proof in a replay store; at once when the store can.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `signature_expired`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 */
export function claimOnce(claim: ReplayClaim, store: ReplayStore, environment: Environment): void | Promise<void> {
  // Keys may have been waited for, and a store forgets a claim that is past its end at once.
  if (!(environment.clock.wallMs() <= claim.acceptUntil * 1000)) {
    throw new Refusal('signature_expired', 'the signature ended while its key was looked for')
  }
  const result = ask(claim, store, environment)
  return isThenable(result) ? result.then(requireClaimed, rethrow) : requireClaimed(result)
}

const REFUSALS: Readonly<Record<Exclude<ClaimResult, 'claimed'>, () => Refusal>> = {
  replayed: () => new Refusal('replay_detected', 'it was used before'),
  unproven: () => new Refusal('freshness_unproven', 'it was signed before the replay store could remember: sign again'),
  over_quota: () => new Refusal('rate_limited', 'this key holds too many live claims', { retryAfterSeconds: 1 }),
  full: () => new Unavailable('replay_store_unavailable', 'replay', 'the replay store has no room left'),
}

function ask(claim: ReplayClaim, store: ReplayStore, environment: Environment): ClaimResult | Promise<ClaimResult> {
  try {
    return store.claim(claim, environment)
  } catch (error) {
    return rethrow(error)
  }
}

function requireClaimed(result: ClaimResult): void {
  if (result === 'claimed') return
  throw Object.hasOwn(REFUSALS, result) ? REFUSALS[result]() : rethrow(new TypeError('the store gave no known answer'))
}

/** Whatever a store throws means that it cannot answer. */
function rethrow(error: unknown): never {
  if (isUnavailable(error)) throw error
  throw new Unavailable('replay_store_unavailable', 'replay', 'the replay store cannot answer', { cause: error })
}
