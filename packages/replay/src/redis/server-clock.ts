/** Watches the clock by which the server lets keys expire. All times are Unix milliseconds. */
export interface ServerClock {
  /** Whether the server's clock was set since the last look; a look is an answer, and when it was asked for and received. */
  readonly isSet: (serverMs: number, askedMs: number, receivedMs: number) => boolean
  /** Forgets the last look: our own clock, or the server, is another. */
  readonly reset: () => void
}

interface Offset {
  readonly min: number
  readonly max: number
}

const THRESHOLD_MS = 2000

/** Compares clocks by the range their difference must lie in, so that a slow answer is not taken for a step. */
export function createServerClock(): ServerClock {
  let last: Offset | undefined
  return {
    isSet: (serverMs, askedMs, receivedMs) => {
      const offset: Offset = { min: serverMs - receivedMs, max: serverMs - askedMs }
      const before = last
      last = offset
      if (before === undefined) return false
      return offset.min > before.max + THRESHOLD_MS || offset.max < before.min - THRESHOLD_MS
    },
    reset: () => {
      last = undefined
    },
  }
}
