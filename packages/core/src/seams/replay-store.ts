import type { Clock, Environment } from '../environment.ts'
import { createAttachment } from '../internal/closed-object.ts'
import { isUnavailable, Refusal, Unavailable } from '../refusal/refusal.ts'
import type { MetricRow } from './metric-row.ts'

/** One proof to be used once. */
export interface ReplayClaim {
  /** SHA-256 over scheme, key thumbprint and nonce (or signature base), 32 bytes. */
  readonly id: Uint8Array
  /** The signing key: quotas are counted per key. */
  readonly thumbprint: string
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds: remember the claim at least this long. */
  readonly acceptUntil: number
  /** The nonce of the proof, if it has one. */
  readonly nonce: string | undefined
}

/**
 * `claimed`: first use. `replayed`: used before. `unproven`: signed before this store could remember, and the nonce is
 * none of its own. `over_quota`: this key holds too many live claims. `full`: no room without forgetting a live claim.
 */
export type ClaimResult = 'claimed' | 'replayed' | 'unproven' | 'over_quota' | 'full'

/** Remembers claims until they can no longer be accepted. One atomic operation; never forgets a live claim silently. */
export interface ReplayStore {
  /** A closed word for metrics, such as `memory` or `redis`. */
  readonly name: string
  /** @throws Unavailable `replay_store_unavailable` */
  readonly claim: (claim: ReplayClaim, environment: Environment) => ClaimResult | Promise<ClaimResult>
  /** A nonce that this store recognises as its own later, so that a request from before its start can prove itself fresh. */
  readonly issueNonce: (environment: Environment) => string | undefined
  /** Told the clock of the guard that uses it, when that is composed. A clock that the store was given goes before. */
  readonly useClock?: (clock: Clock) => void
  /** Forgets every claim, so that all of them can be used again: for tests. */
  readonly clear?: () => void | Promise<void>
  /** What it reports. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** Ends what the store keeps open. @default there is nothing to end */
  readonly close?: () => void | Promise<void>
}

/** How far a signature's time may lie from ours. Seconds. */
export interface AcceptanceWindow {
  /** Oldest acceptable signature. */
  readonly toleranceSeconds: number
  /** How far ahead of our clock a signature may be dated. */
  readonly futureSkewSeconds: number
}

/** When a signature was made and ends, as the signer says. Unix seconds. */
export interface SignatureTimes {
  readonly created: number
  readonly expires: number | undefined
}

/**
 * The last second at which a signature is acceptable: `min(expires, created + tolerance)`. Accepted iff
 * `created ≤ now + skew` and `now ≤ created + tolerance`.
 * @throws {@link Refusal} `signature_expired`, `signature_not_yet_valid`
 */
export function acceptUntil(times: SignatureTimes, window: AcceptanceWindow, nowMs: number): number {
  const { created, expires } = times
  const now = nowMs / 1000
  if (!(created <= now + window.futureSkewSeconds)) {
    throw new Refusal(
      'signature_not_yet_valid',
      `created must be at most ${window.futureSkewSeconds} s ahead of the server`,
    )
  }
  const end =
    expires === undefined ? created + window.toleranceSeconds : Math.min(expires, created + window.toleranceSeconds)
  if (!(now <= end) || !(created <= end)) {
    throw new Refusal('signature_expired', `the signature ended; it may be at most ${window.toleranceSeconds} s old`)
  }
  return end
}

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

/** The claims of one request. */
interface Claims {
  last: Made
  count: number
}

const CLAIMS = createAttachment<Claims>()

/** Whether this very request made the same claim in the same store before. */
export function findClaim(raw: object, store: ReplayStore, claim: ReplayClaim): boolean {
  for (let made = CLAIMS.find(raw)?.last; made !== undefined; made = made.before) {
    if (made.store === store && Buffer.compare(made.claim.id, claim.id) === 0) return true
  }
  return false
}

/** Remembers that a request made a claim, for as long as the request is there. */
export function rememberClaim(raw: object, store: ReplayStore, claim: ReplayClaim): void {
  const claims = CLAIMS.find(raw)
  if (claims === undefined) {
    CLAIMS.attach(raw, { last: { store, claim, before: undefined }, count: 1 })
    return
  }
  const isFull = claims.count >= MAX_CLAIMS
  claims.count = isFull ? 1 : claims.count + 1
  claims.last = { store, claim, before: isFull ? undefined : claims.last }
}
