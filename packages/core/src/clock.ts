/**
 * Time as an argument. `wallMs` is Unix time in milliseconds and judges `created` and `exp`; `monotonicMs` never
 * goes back and measures ages, deadlines and cooldowns.
 */
export interface Clock {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
}

/** The clock of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
