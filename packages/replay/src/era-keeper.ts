import { randomBytes } from 'node:crypto'
import type { Environment } from '@countermark/core'
import { createJumpDetector } from './clock-jump.ts'
import { type Era, type ForgottenTime, forgetMore } from './fence.ts'
import type { StoreRules } from './store-options.ts'

/** Why a store had to draw a fence. */
export type FenceReason = 'clock_jump' | 'epoch_lost' | 'server_changed' | 'server_clock_jump'

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
  const watch = (): ReturnType<typeof createJumpDetector> | undefined =>
    rules.watchesClock ? createJumpDetector(rules.clock) : undefined
  let detectJump = watch()
  let era: Era = { forgotten: [], secret: randomBytes(32) }
  let stretchFromMs = Number.NEGATIVE_INFINITY
  return {
    current: () => era,
    forget: (past, secret) => {
      era = forgetMore(era, past, secret)
    },
    restart: () => {
      detectJump = watch()
      era = { forgotten: [], secret: randomBytes(32) }
      stretchFromMs = Number.NEGATIVE_INFINITY
    },
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
  report({ name: 'replay_fences_total', kind: 'counter', value: 1, labels: { store, reason } })
}
