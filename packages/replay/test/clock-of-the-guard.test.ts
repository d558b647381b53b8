import { createHash } from 'node:crypto'
import type { Clock, ReplayClaim } from '@countermark/core'
import { memoryReplayStore } from '../src/index.ts'
import { createFakeClock, createFakeEnvironment, NOON_MS } from './fake-environment.ts'

const NOON = NOON_MS / 1000

function aClaim(created: number): ReplayClaim {
  const id = createHash('sha256').update(`claim ${created}`).digest()
  return { id, thumbprint: 'a key', created, acceptUntil: created + 300, nonce: undefined }
}

function claimBy(clock: Clock, store: ReturnType<typeof memoryReplayStore>, created: number): string {
  return store.claim(aClaim(created), createFakeEnvironment(clock))
}

describe('a store without a clock of its own', () => {
  it('remembers since its start by the clock of the guard', () => {
    const clock = createFakeClock()
    const store = memoryReplayStore()
    store.useClock(clock)
    expect([claimBy(clock, store, NOON), claimBy(clock, store, NOON)]).toEqual(['claimed', 'replayed'])
    expect(claimBy(clock, store, NOON - 60)).toBe('unproven')
  })

  it('forgets by that clock', () => {
    const clock = createFakeClock()
    const store = memoryReplayStore()
    store.useClock(clock)
    claimBy(clock, store, NOON)
    clock.advance(3_600_000)
    expect([claimBy(clock, store, NOON), claimBy(clock, store, NOON + 3600)]).toEqual(['unproven', 'claimed'])
  })

  it('goes by the first of several', () => {
    const [first, second] = [createFakeClock(), { wallMs: () => 0, monotonicMs: () => 0 }]
    const store = memoryReplayStore()
    store.useClock(first)
    store.useClock(second)
    expect(claimBy(first, store, NOON - 60)).toBe('unproven')
  })

  it('keeps the start that it was told', () => {
    const clock = createFakeClock()
    const store = memoryReplayStore({ startedAt: NOON_MS - 60_000 })
    store.useClock(clock)
    expect(claimBy(clock, store, NOON - 60)).toBe('claimed')
  })
})
