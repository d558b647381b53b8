import { findClaim, rememberClaim } from './claims-of-request.ts'
import type { Environment } from './environment.ts'
import { isUnavailable, Refusal, Unavailable } from './refusal.ts'
import type { ClaimResult, ReplayClaim, ReplayStore } from './replay-store.ts'

/** What came of a claim: what the store said, or why it could not say. */
export type ClaimAnswer = ClaimResult | Unavailable

/** What a claim that did not succeed means where it was made. */
export interface ClaimRefusals {
  readonly replayed: () => Refusal
  readonly unproven: () => Refusal
}

/** A key over its quota gets room as its oldest claims end; in this time a good part of them does. */
const QUOTA_RETRY_SECONDS = 10

const RESULTS: readonly unknown[] = ['claimed', 'replayed', 'unproven', 'over_quota', 'full']

/**
 * Claims a proof in a store; at once when the store answers at once. Never throws: an error of the store, or a word that is
 * not among the results, means that it cannot answer. One message may make one claim several times, because several guards
 * judge it: only the first asks the store.
 * @param raw the framework's own request; without it each call counts
 */
export function claimOnce(
  store: ReplayStore,
  claim: ReplayClaim,
  environment: Environment,
  raw?: object,
): ClaimAnswer | Promise<ClaimAnswer> {
  if (raw !== undefined && findClaim(raw, store, claim)) return 'claimed'
  try {
    const result: unknown = store.claim(claim, environment)
    if (typeof result === 'string') return settle(result, store, claim, raw)
    return Promise.resolve(result).then((late) => settle(late, store, claim, raw), toUnavailable)
  } catch (error) {
    return toUnavailable(error)
  }
}

/** The refusal that an answer means; `undefined` when the claim succeeded. */
export function refusalOf(answer: ClaimAnswer, refusals: ClaimRefusals): Refusal | undefined {
  if (answer === 'claimed') return undefined
  if (answer === 'replayed' || answer === 'unproven') return refusals[answer]()
  if (answer === 'over_quota') {
    const details = { retryAfterSeconds: QUOTA_RETRY_SECONDS }
    return new Refusal('rate_limited', 'this key has too many requests inside their time window', details)
  }
  return answer === 'full' ? unavailable('the replay store is full') : answer
}

function settle(result: unknown, store: ReplayStore, claim: ReplayClaim, raw: object | undefined): ClaimAnswer {
  if (result === 'claimed') {
    if (raw !== undefined) rememberClaim(raw, store, claim)
    return result
  }
  // Two guards may have asked at the same time.
  if (result === 'replayed' && raw !== undefined && findClaim(raw, store, claim)) return 'claimed'
  if (isResult(result)) return result
  return toUnavailable(new TypeError(`a replay store answers with one of ${RESULTS.join(', ')}`))
}

function isResult(result: unknown): result is ClaimResult {
  return RESULTS.includes(result)
}

function toUnavailable(cause: unknown): Unavailable {
  if (isUnavailable(cause) && cause.code === 'replay_store_unavailable') return cause
  return unavailable('the replay store cannot answer', cause)
}

function unavailable(message: string, cause?: unknown): Unavailable {
  return new Unavailable('replay_store_unavailable', 'replay', message, cause === undefined ? {} : { cause })
}
