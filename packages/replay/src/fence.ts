import type { ReplayClaim } from '@countermark/core'
import { type NonceRule, recognisesNonce } from './nonce.ts'

/** How much is refused after a loss of memory: see the README, "What a restart costs". */
export type FenceMode = 'default' | 'strict'

/** How a fence is drawn. */
export interface FenceRule {
  readonly fence: FenceMode
  /** At least the guard's own: a request accepted in the past may have been dated this far ahead. */
  readonly futureSkewSeconds: number
}

/** A stretch of wall time in which requests may have been accepted and forgotten. */
export interface ForgottenTime {
  /** Unix milliseconds. */
  readonly fromMs: number
  /** Unix milliseconds. */
  readonly untilMs: number
  /** `start`: perhaps nothing ran before. `loss`: something did run, until this very moment. */
  readonly cause: 'start' | 'loss'
}

/** What a store can vouch for: what it has forgotten, and the secret of the nonces it issued since. */
export interface Era {
  readonly forgotten: readonly ForgottenTime[]
  readonly secret: Uint8Array
}

/** Jumps of the clock remembered one by one; older ones are merged. */
const MAX_FORGOTTEN = 8

/** An era that forgot one more stretch of time and has a new secret: older nonces say nothing about what was lost since. */
export function forgetMore(era: Era, more: ForgottenTime, secret: Uint8Array): Era {
  const apart = era.forgotten.filter((past) => past.fromMs < more.fromMs || past.untilMs > more.untilMs)
  const forgotten = [...apart, more]
  if (forgotten.length <= MAX_FORGOTTEN) return { forgotten, secret }
  const untilMs = Math.max(...forgotten.map((past) => past.untilMs))
  return { forgotten: [{ fromMs: Number.NEGATIVE_INFINITY, untilMs, cause: 'loss' }], secret }
}

/** The first value of `created` that cannot have been accepted in a forgotten time. `created` counts whole seconds. */
export function firstTrustedSecond(past: ForgottenTime, rule: FenceRule): number {
  if (rule.fence === 'strict') return Math.floor(past.untilMs / 1000 + rule.futureSkewSeconds) + 1
  // A first start trusts its own second, so that a request signed right after it passes.
  return Math.floor(past.untilMs / 1000) + (past.cause === 'start' ? 0 : 1)
}

/**
 * Whether a request cannot have been accepted in a time that was forgotten: it was signed since, it had ended before,
 * or it carries a nonce that was issued since.
 */
export function isProvenFresh(
  claim: Pick<ReplayClaim, 'created' | 'acceptUntil' | 'nonce'>,
  era: Era,
  rule: FenceRule & NonceRule,
  nowMs: number,
): boolean {
  if (!era.forgotten.some((past) => isFenced(claim, past, rule))) return true
  return claim.nonce !== undefined && recognisesNonce(claim.nonce, era.secret, rule, nowMs)
}

function isFenced(claim: Pick<ReplayClaim, 'created' | 'acceptUntil'>, past: ForgottenTime, rule: FenceRule): boolean {
  if (claim.acceptUntil * 1000 < past.fromMs) return false
  return !(claim.created >= firstTrustedSecond(past, rule))
}
