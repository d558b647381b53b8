import type { Environment } from '../environment.ts'
import { Given } from '../internal/bare-object.ts'
import { isUnavailable, Refusal, Unavailable } from '../refusal/refusal.ts'
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

/** A claim that a request made with success. */
interface Made {
  readonly store: ReplayStore
  readonly claim: ReplayClaim
  readonly before: Made | undefined
}

/** More than one request can make: two signatures, a DPoP proof and an approval. An older one is a replay again. */
const MAX_CLAIMS = 8

/** Keeps claims as a private member of the request, for the reasons that `createRequestStates` has. */
class Claiming extends Given {
  #last: Made | undefined
  #count: number

  constructor(raw: object, made: Made) {
    super(raw)
    this.#last = made
    this.#count = 1
  }

  static last(raw: object): Made | undefined {
    return #last in raw ? raw.#last : undefined
  }

  static add(raw: object, store: ReplayStore, claim: ReplayClaim): void {
    if (!(#last in raw)) {
      new Claiming(raw, { store, claim, before: undefined })
      return
    }
    const isFull = raw.#count >= MAX_CLAIMS
    raw.#count = isFull ? 1 : raw.#count + 1
    raw.#last = { store, claim, before: isFull ? undefined : raw.#last }
  }
}

/** Whether this very request made the same claim in the same store before. */
export function findClaim(raw: object, store: ReplayStore, claim: ReplayClaim): boolean {
  for (let made = Claiming.last(raw); made !== undefined; made = made.before) {
    if (made.store === store && Buffer.compare(made.claim.id, claim.id) === 0) return true
  }
  return false
}

/** Remembers that a request made a claim, for as long as the request is there. */
export function rememberClaim(raw: object, store: ReplayStore, claim: ReplayClaim): void {
  Claiming.add(raw, store, claim)
}
