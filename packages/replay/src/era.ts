import { randomBytes } from 'node:crypto'
import type { Clock, Environment } from '@countermark/core'
import { type Era, type ForgottenTime, forgetMore } from './fence.ts'
import { type FenceReason, STORE_METRICS } from './metric-rows.ts'
import type { StoreRules } from './store-options.ts'

/** What a store can vouch for, now. */
export interface EraKeeper {
  readonly current: () => Era
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
  let era: Era
  let stretchFromMs: number
  const restart = (): void => {
    detectJump = rules.watchesClock ? createJumpDetector(rules.clock) : undefined
    era = { forgotten: [], secret: randomBytes(32) }
    stretchFromMs = Number.NEGATIVE_INFINITY
  }
  restart()
  return {
    current: () => era,
    forget: (past, secret) => {
      era = forgetMore(era, past, secret)
    },
    restart,
    noticeClock: (report) => {
      const jump = detectJump?.()
      if (jump === undefined) return false
      era = forgetMore(era, { fromMs: stretchFromMs, untilMs: jump.beforeMs, cause: 'loss' }, randomBytes(32))
      stretchFromMs = jump.afterMs
      reportFence(report, store, 'clock_jump')
      return true
    },
  }
}

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
