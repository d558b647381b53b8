import type { Clock } from '@countermark/core'

/** The wall clock was set. Unix milliseconds. */
export interface ClockJump {
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
