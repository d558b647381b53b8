import type { Clock, Environment } from '@countermark/core'
import { type Measurement, nodeVerifier } from '@countermark/core/internal'

/** A clock that moves when told. */
export interface FakeClock extends Clock {
  /** Time goes by. */
  readonly advance: (ms: number) => void
  /** Somebody sets the wall clock. */
  readonly jump: (ms: number) => void
}

/** 2026-01-01T00:00:00Z. */
export const NOON_MS = 1_767_225_600_000

export function createFakeClock(startMs: number = NOON_MS): FakeClock {
  let wallMs = startMs
  let monotonicMs = 0
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    advance: (ms) => {
      wallMs += ms
      monotonicMs += ms
    },
    jump: (ms) => {
      wallMs += ms
    },
  }
}

/** An environment that keeps what is reported. */
export function createFakeEnvironment(clock: Clock): Environment & { readonly measurements: Measurement[] } {
  const measurements: Measurement[] = []
  return {
    clock,
    verifier: nodeVerifier,
    report: (measurement) => {
      measurements.push(measurement)
    },
    development: true,
    hidesAgents: false,
    service: () => 'api.example.com',
    measurements,
  }
}
