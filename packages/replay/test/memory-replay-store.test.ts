import { createHash, randomBytes } from 'node:crypto'
import type { ReplayClaim } from '@countermark/core'
import { memoryReplayStore } from '../src/index.ts'
import { describeReplayStore } from './describe-replay-store.ts'
import { createFakeClock, createFakeEnvironment, NOON_MS } from './fake-environment.ts'

describeReplayStore('memory', (settings) => memoryReplayStore(settings))

const NOON = NOON_MS / 1000

function aClaim(changes: Partial<ReplayClaim> = {}): ReplayClaim {
  const id = createHash('sha256').update('a claim').digest()
  return { id, thumbprint: 'a key', created: NOON, acceptUntil: NOON + 300, nonce: undefined, ...changes }
}

describe('memoryReplayStore', () => {
  it('answers at once', () => {
    const clock = createFakeClock()
    expect(memoryReplayStore({ clock }).claim(aClaim(), createFakeEnvironment(clock))).toBe('claimed')
  })

  it('refuses new claims when it is full, and forgets none', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock, maxClaims: 2 })
    store.claim(aClaim(), environment)
    store.claim(aClaim({ id: randomBytes(32) }), environment)
    expect(store.claim(aClaim({ id: randomBytes(32), thumbprint: 'another key' }), environment)).toBe('full')
    expect(store.claim(aClaim(), environment)).toBe('replayed')
  })

  it('takes the start that it is told', () => {
    const clock = createFakeClock()
    const store = memoryReplayStore({ clock, startedAt: NOON_MS - 10_000 })
    expect(store.claim(aClaim({ created: NOON - 10 }), createFakeEnvironment(clock))).toBe('claimed')
  })

  it('does not recognise the nonces of another store', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const nonce = memoryReplayStore({ clock }).issueNonce(environment)
    const store = memoryReplayStore({ clock })
    expect(store.claim(aClaim({ created: NOON - 1, nonce }), environment)).toBe('unproven')
  })

  it('keeps a hundred thousand claims of one key from every other key', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock })
    store.claim(aClaim({ thumbprint: 'victim' }), environment)
    let accepted = 0
    for (let index = 0; index < 100_010; index++) {
      if (store.claim(aClaim({ id: randomBytes(32), thumbprint: 'flooder' }), environment) === 'claimed') accepted += 1
    }
    expect(accepted).toBe(100_000)
    expect(store.claim(aClaim({ thumbprint: 'victim' }), environment)).toBe('replayed')
    expect(store.claim(aClaim({ id: randomBytes(32), thumbprint: 'victim' }), environment)).toBe('claimed')
  })

  it('refuses options that it does not know', () => {
    const options = { maxClaims: 10, allowSingleProces: true }
    expect(() => memoryReplayStore(options)).toThrow(/did you mean allowSingleProcess\? \[ERR_OPTION_UNKNOWN\]/)
  })

  it('refuses options of the wrong kind', () => {
    const options = JSON.parse('{ "fence": "stric" }')
    expect(() => memoryReplayStore(options)).toThrow('fence must be one of default, strict')
    expect(() => memoryReplayStore({ maxClaims: Number.NaN })).toThrow('ERR_OPTION_INVALID')
  })
})

describe('memoryReplayStore when the wall clock is set', () => {
  it('accepts nothing twice when set forward and back again, and counts both steps', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock, onClockJump: 'fence' })
    const ahead = aClaim({ id: randomBytes(32), created: NOON + 7200, acceptUntil: NOON + 7500 })
    expect(store.claim(aClaim(), environment)).toBe('claimed')
    clock.jump(7200_000)
    expect(store.claim(ahead, environment)).toBe('claimed')
    clock.jump(-7200_000)
    expect(store.claim(aClaim(), environment)).not.toBe('claimed')
    expect(store.claim(ahead, environment)).not.toBe('claimed')
    const counted = environment.measurements.filter(({ name }) => name === 'replay_fences_total')
    expect(counted.map(({ labels }) => labels?.['reason'])).toEqual(['clock_jump', 'clock_jump'])
  })

  it('asks for proof of what may have been accepted an hour ago, when set back by an hour', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock, onClockJump: 'fence' })
    store.claim(aClaim(), environment)
    clock.advance(3600_000)
    store.claim(aClaim({ id: randomBytes(32), created: NOON + 3600, acceptUntil: NOON + 3900 }), environment)
    clock.jump(-3590_000)
    expect(store.claim(aClaim(), environment)).not.toBe('claimed')
    expect(store.claim(aClaim({ id: randomBytes(32), created: NOON + 10 }), environment)).toBe('unproven')
    const nonce = store.issueNonce(environment)
    expect(store.claim(aClaim({ id: randomBytes(32), created: NOON + 10, nonce }), environment)).toBe('claimed')
  })

  it('no longer recognises a nonce from before', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock, onClockJump: 'fence' })
    const nonce = store.issueNonce(environment)
    clock.jump(-60_000)
    expect(store.claim(aClaim({ created: NOON - 60, nonce }), environment)).toBe('unproven')
  })

  it('recovers within seconds of a step forward', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock, onClockJump: 'fence' })
    clock.jump(7200_000)
    store.claim(aClaim({ created: NOON + 7200, acceptUntil: NOON + 7500 }), environment)
    clock.advance(5000)
    const later = { id: randomBytes(32), created: NOON + 7205, acceptUntil: NOON + 7505 }
    expect(store.claim(aClaim(later), environment)).toBe('claimed')
  })

  it('does not look at a clock of the caller unless told to', () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = memoryReplayStore({ clock })
    clock.jump(60_000)
    expect(store.claim(aClaim({ created: NOON + 1 }), environment)).toBe('claimed')
  })
})
