import { createJumpDetector } from '../src/fence.ts'
import { clockOffset, isClockStep } from '../src/redis/server-snapshot.ts'
import { createFakeClock, NOON_MS } from './fake-environment.ts'

describe('the jump detector', () => {
  it('is silent while time goes by', () => {
    const clock = createFakeClock()
    const detect = createJumpDetector(clock)
    clock.advance(86_400_000)
    clock.jump(2000)
    expect(detect()).toBeUndefined()
  })

  it('tells of a step once, with the range of time that it spans', () => {
    const clock = createFakeClock()
    const detect = createJumpDetector(clock)
    clock.advance(10_000)
    clock.jump(-3600_000)
    expect(detect()).toEqual({ beforeMs: NOON_MS + 12_000, afterMs: NOON_MS + 10_000 - 3600_000 - 2000 })
    expect(detect()).toBeUndefined()
  })

  it('adds up small steps', () => {
    const clock = createFakeClock()
    const detect = createJumpDetector(clock)
    clock.jump(1500)
    expect(detect()).toBeUndefined()
    clock.jump(1500)
    expect(detect()).toBeDefined()
  })
})

describe("the server's clock", () => {
  it('may differ, and may answer slowly', () => {
    const [first, slow, third] = [
      clockOffset(50_000, 1000, 1010),
      clockOffset(51_000, 2000, 7000),
      clockOffset(57_000, 8000, 8010),
    ]
    expect([isClockStep(first, slow), isClockStep(slow, third)]).toEqual([false, false])
  })

  it.each([
    ['forward', 60_000],
    ['back', -60_000],
  ])('is noticed when it is set %s', (_, stepMs) => {
    const before = clockOffset(50_000, 50_000, 50_010)
    const set = clockOffset(51_000 + stepMs, 51_000, 51_010)
    expect(isClockStep(before, set)).toBe(true)
    expect(isClockStep(set, clockOffset(52_000 + stepMs, 52_000, 52_010))).toBe(false)
  })

  it('cannot be compared with nothing', () => {
    expect(isClockStep(undefined, clockOffset(500_000, 51_000, 51_010))).toBe(false)
  })
})
