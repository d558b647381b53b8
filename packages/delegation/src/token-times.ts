import { Refusal } from '@countermark/core'

/** When something counts. Unix seconds, fractions allowed (RFC 7519 section 2). */
export interface TokenTimes {
  readonly issuedAt: number
  readonly notBefore: number | undefined
  readonly expiresAt: number
}

/** Whether a claim is a point in time: what is beyond the integers of a double is no honest one. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(Math.floor(value))
}

/**
 * Asked for each request, also of a token that is remembered. An ended token gets no grace; the issuer's clock may be
 * `skewSeconds` ahead.
 * @throws {@link Refusal} `token_expired`
 */
export function requireWithin(times: TokenTimes, nowMs: number, skewSeconds: number): void {
  const now = nowMs / 1000
  if (!(now < times.expiresAt)) throw new Refusal('token_expired', 'the token has ended')
  if (!(times.issuedAt <= now + skewSeconds)) throw new Refusal('token_expired', 'the token was issued in the future')
  if (times.notBefore !== undefined && !(times.notBefore <= now + skewSeconds)) {
    throw new Refusal('token_expired', 'the token is not valid yet')
  }
}
