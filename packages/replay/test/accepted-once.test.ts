import { createHash, randomBytes } from 'node:crypto'
import { isRefusal, type ReplayStore } from '@countermark/core'
import { acceptUntil } from '@countermark/core/internal'
import fc from 'fast-check'
import { memoryReplayStore } from '../src/index.ts'
import { createFakeClock, createFakeEnvironment, type FakeClock, NOON_MS } from './fake-environment.ts'

const NOON = NOON_MS / 1000
const SKEW = 30

/** A signed request as an attacker has it. */
interface Captured {
  readonly created: number
  readonly expires: number | undefined
  readonly nonce: string | undefined
}

/** Presents a request as a guard would: the window first, then the store. */
function isAccepted(store: ReplayStore, request: Captured, clock: FakeClock, toleranceSeconds: number): boolean {
  try {
    const end = acceptUntil(request, { toleranceSeconds, futureSkewSeconds: SKEW }, clock.wallMs())
    const { created, nonce } = request
    const id = createHash('sha256').update(JSON.stringify(request)).digest()
    return (
      store.claim({ id, thumbprint: 'k', created, acceptUntil: end, nonce }, createFakeEnvironment(clock)) === 'claimed'
    )
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

const requests = fc.record({
  created: fc.integer({ min: NOON - 400, max: NOON + 1200 }),
  expires: fc.option(fc.integer({ min: NOON - 400, max: NOON + 1600 }), { nil: undefined }),
  nonce: fc.constantFrom(undefined, 'theirs'),
})

describe('a request is accepted once', () => {
  it('at any two moments of its window', () => {
    const times = fc.tuple(fc.integer({ min: 0, max: 700_000 }), fc.integer({ min: 0, max: 700_000 }))
    fc.assert(
      fc.property(requests, times, fc.integer({ min: 1, max: 600 }), (request, [firstMs, gapMs], tolerance) => {
        const clock = createFakeClock()
        const store = memoryReplayStore({ clock, startedAt: NOON_MS - 1000_000 })
        clock.advance(firstMs)
        const first = isAccepted(store, request, clock, tolerance)
        clock.advance(gapMs)
        return !(first && isAccepted(store, request, clock, tolerance))
      }),
      { numRuns: 2000 },
    )
  })

  it('however often the process starts anew, behind a strict fence', () => {
    const steps = fc.array(fc.record({ restart: fc.boolean(), waitMs: fc.integer({ min: 0, max: 60_000 }) }), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 12 }), steps, (captured, lives) => {
        const clock = createFakeClock()
        let store = memoryReplayStore({ clock, fence: 'strict' })
        const accepted = countAcceptances(captured)
        for (const { restart, waitMs } of lives) {
          clock.advance(waitMs)
          if (restart) store = memoryReplayStore({ clock, fence: 'strict' })
          accepted.note((request) => isAccepted(store, request, clock, 300))
        }
        return accepted.most() <= 1
      }),
      { numRuns: 1000 },
    )
  })

  it('however the wall clock is set, behind a strict fence', () => {
    const steps = fc.array(
      fc.record({ jumpMs: fc.integer({ min: -600_000, max: 600_000 }), waitMs: fc.integer({ min: 0, max: 400_000 }) }),
      { minLength: 2, maxLength: 5 },
    )
    fc.assert(
      fc.property(steps, (jumps) => {
        const clock = createFakeClock()
        const store = memoryReplayStore({ clock, fence: 'strict', onClockJump: 'fence' })
        const accepted = countAcceptances([...everyTwentySeconds(), ...withNonces(store, clock)])
        for (const { jumpMs, waitMs } of jumps) {
          clock.advance(waitMs)
          accepted.note((request) => isAccepted(store, request, clock, 300))
          clock.jump(jumpMs)
          forgetEnded(store, clock)
          accepted.note((request) => isAccepted(store, request, clock, 300))
        }
        return accepted.most() <= 1
      }),
      { numRuns: 12 },
    )
  }, 60_000)
})

function everyTwentySeconds(): Captured[] {
  return Array.from({ length: 150 }, (_, index) => {
    return { created: NOON - 1000 + 20 * index, expires: undefined, nonce: undefined }
  })
}

/** Fills the store with enough claims that it uses the room of those that have ended. */
function forgetEnded(store: ReplayStore, clock: FakeClock): void {
  const environment = createFakeEnvironment(clock)
  const acceptUntil = Math.ceil(clock.wallMs() / 1000)
  const nonce = store.issueNonce(environment)
  for (let index = 0; index < 4000; index++) {
    void store.claim(
      { id: randomBytes(32), thumbprint: 'other', created: acceptUntil, acceptUntil, nonce },
      environment,
    )
  }
}

function withNonces(store: ReplayStore, clock: FakeClock): Captured[] {
  const nonce = (): string | undefined => store.issueNonce(createFakeEnvironment(clock))
  return [-20, 0, 20].map((offset) => ({ created: NOON + offset, expires: undefined, nonce: nonce() }))
}

function countAcceptances(captured: readonly Captured[]): {
  readonly note: (accepts: (request: Captured) => boolean) => void
  readonly most: () => number
} {
  const counts = new Map<string, number>()
  return {
    note: (accepts) => {
      for (const request of captured) {
        const name = JSON.stringify(request)
        if (accepts(request)) counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    },
    most: () => Math.max(0, ...counts.values()),
  }
}
