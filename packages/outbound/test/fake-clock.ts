/** Time that passes when a test says so. */
export interface FakeClock {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  readonly advance: (ms: number) => void
  /** Somebody sets the wall clock. */
  readonly stepWall: (ms: number) => void
}

export function createFakeClock(wallStartMs = 1_767_225_600_000): FakeClock {
  let monotonic = 1_000
  let wall = wallStartMs
  return {
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    advance: (ms) => {
      monotonic += ms
      wall += ms
    },
    stepWall: (ms) => {
      wall += ms
    },
  }
}
