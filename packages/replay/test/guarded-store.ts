import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClaimResult, isUnavailable, type ReplayClaim } from '@countermark/core'
import type { RedisReplayStore } from '../src/index.ts'
import { createFakeEnvironment, type FakeClock } from './fake-environment.ts'

/** What a request meets: an answer, or the name of the refusal. */
export type Outcome = ClaimResult | 'replay_store_unavailable'

/** A process behind a strict fence. */
export interface Guarded {
  readonly store: RedisReplayStore
  readonly clock: FakeClock
  readonly environment: ReturnType<typeof createFakeEnvironment>
  readonly present: (claim: ReplayClaim) => Promise<Outcome>
  /** Requests of now and, up to the skew, of the future, each accepted. */
  readonly accept: (count: number) => Promise<readonly ReplayClaim[]>
  /** A request with a fresh nonce of the store, tried until it is accepted. */
  readonly recover: () => Promise<void>
}

/** Presents requests to a store as a guard would. */
export function createGuarded(store: RedisReplayStore, clock: FakeClock): Guarded {
  const environment = createFakeEnvironment(clock)
  const present = async (claim: ReplayClaim): Promise<Outcome> => {
    try {
      return await store.claim(claim, environment)
    } catch (error) {
      if (isUnavailable(error) && error.code === 'replay_store_unavailable') return error.code
      throw error
    }
  }
  return {
    store,
    clock,
    environment,
    present,
    accept: async (count) => {
      const claims = Array.from({ length: count }, (_, index) => createClaim(clock, index % 31))
      const outcomes = await Promise.all(claims.map(present))
      const accepted = claims.filter((_, index) => outcomes[index] === 'claimed')
      if (accepted.length === 0) throw new Error('nothing was accepted')
      return accepted
    },
    recover: async () => {
      for (let attempt = 0; attempt < 200; attempt++) {
        const nonce = store.issueNonce(environment)
        if ((await present({ ...createClaim(clock), nonce })) === 'claimed') return
        // Time for the breaker's next probe.
        clock.advance(50)
        await sleep(20)
      }
      throw new Error('the store did not recover')
    },
  }
}

/** Presents accepted requests again, three times over three seconds. */
export async function expectNoReplay(guarded: Guarded, claims: readonly ReplayClaim[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.all(claims.map(guarded.present))
    expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(0)
    guarded.clock.advance(1000)
    await sleep(20)
  }
}

/** A request of now, or dated ahead. */
export function createClaim(clock: FakeClock, aheadSeconds = 0): ReplayClaim {
  const created = Math.floor(clock.wallMs() / 1000) + aheadSeconds
  return { id: randomBytes(32), thumbprint: 'a key', created, acceptUntil: created + 300, nonce: randomUUID() }
}
