import { Refusal } from './refusal.ts'

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
