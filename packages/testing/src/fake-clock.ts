import type { Clock } from '@countermark/core'

/** A clock that moves when a test says so. */
export interface FakeClock extends Clock {
  /** Unix seconds, as signatures count. */
  readonly seconds: () => number
  /** Lets time pass on both clocks. */
  readonly advance: (ms: number) => void
  /** Sets the wall clock forward or back, as an administrator does; the monotonic clock does not notice. */
  readonly adjustWall: (ms: number) => void
}

/** 2026-01-01T00:00:00Z. */
const DEFAULT_START_MS = 1_767_225_600_000

/** Creates a clock that stands still at a moment, given in Unix milliseconds. */
export function createFakeClock(startMs: number = DEFAULT_START_MS): FakeClock {
  let wallMs = startMs
  let monotonicMs = 0
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    seconds: () => Math.floor(wallMs / 1000),
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError('time does not run backwards; adjustWall sets the wall clock back')
      wallMs += ms
      monotonicMs += ms
    },
    adjustWall: (ms) => {
      wallMs += ms
    },
  }
}
