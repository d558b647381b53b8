import { randomBytes } from 'node:crypto'
import type { Clock, Environment, ReplayClaim } from '@countermark/core'
import { type FenceReason, STORE_METRICS } from './metric-rows.ts'
import { type NonceRule, recognisesNonce } from './nonce.ts'
import type { FenceRule, StoreRules } from './store-options.ts'

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
  const { created, acceptUntil, nonce } = claim
  for (const past of era.forgotten) {
    if (acceptUntil * 1000 < past.fromMs || created >= firstTrustedSecond(past, rule)) continue
    return nonce !== undefined && recognisesNonce(nonce, era.secret, rule, nowMs)
  }
  return true
}

/** Keeps what a store can vouch for, now. */
export interface EraKeeper {
  readonly era: Era
  /** Begins an era in which one more stretch of time is forgotten. */
  readonly forget: (past: ForgottenTime, secret: Uint8Array) => void
  /** Starts anew by another clock: nothing is forgotten yet. */
  readonly restart: () => void
  /** Begins an era when the wall clock was set since the last look. Says whether it was. */
  readonly noticeClock: (report: Environment['report']) => boolean
}

/** Starts with an era that forgot nothing: tell it what came before. */
export function createEraKeeper(rules: StoreRules, store: string): EraKeeper {
  let detectJump: (() => ClockJump | undefined) | undefined
  let stretchFromMs: number
  const eras: Writable<EraKeeper> = {
    era: { forgotten: [], secret: randomBytes(32) },
    forget: (past, secret) => {
      eras.era = forgetMore(eras.era, past, secret)
    },
    restart: () => {
      detectJump = rules.watchesClock ? createJumpDetector(rules.clock) : undefined
      eras.era = { forgotten: [], secret: randomBytes(32) }
      stretchFromMs = Number.NEGATIVE_INFINITY
    },
    noticeClock: (report) => {
      const jump = detectJump?.()
      if (jump === undefined) return false
      eras.forget({ fromMs: stretchFromMs, untilMs: jump.beforeMs, cause: 'loss' }, randomBytes(32))
      stretchFromMs = jump.afterMs
      reportFence(report, store, 'clock_jump')
      return true
    },
  }
  eras.restart()
  return eras
}

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] }

/** Counts a fence. */
export function reportFence(report: Environment['report'], store: string, reason: FenceReason): void {
  report(STORE_METRICS.measure('replay_fences_total', 1, { store, reason }))
}

/** The wall clock was set. Unix milliseconds. */
interface ClockJump {
  /** The latest that the clock may have shown before. */
  readonly beforeMs: number
  /** The earliest that it may show from now on. */
  readonly afterMs: number
}

/** What slewing and rounding may do between two looks. */
const THRESHOLD_MS = 2000

/** Compares the wall clock with the monotonic one; tells once of each step of more than two seconds, drift included. */
export function createJumpDetector(clock: Clock): () => ClockJump | undefined {
  let offsetMs = clock.wallMs() - clock.monotonicMs()
  return () => {
    const wallMs = clock.wallMs()
    const expectedMs = clock.monotonicMs() + offsetMs
    if (Math.abs(wallMs - expectedMs) <= THRESHOLD_MS) return undefined
    offsetMs += wallMs - expectedMs
    // What was not noticed below the threshold may have been added to it.
    return { beforeMs: expectedMs + THRESHOLD_MS, afterMs: wallMs - THRESHOLD_MS }
  }
}
