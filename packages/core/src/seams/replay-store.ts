import type { Clock, Environment } from '../environment.ts'
import { Refusal } from '../refusal/refusal.ts'
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
