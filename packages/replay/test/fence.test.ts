import fc from 'fast-check'
import { type Era, type ForgottenTime, firstTrustedSecond, forgetMore, isProvenFresh } from '../src/fence.ts'
import { createNonce } from '../src/nonce.ts'
import type { FenceMode } from '../src/store-options.ts'

const SECRET = new Uint8Array(32)
const NOON_MS = 1_767_225_600_300
const NOON = 1_767_225_600

function rule(fence: FenceMode, futureSkewSeconds = 30) {
  return { fence, futureSkewSeconds, nonceSeconds: 300 }
}

function past(cause: ForgottenTime['cause'], untilMs = NOON_MS, fromMs = Number.NEGATIVE_INFINITY): ForgottenTime {
  return { fromMs, untilMs, cause }
}

function isTrusted(created: number, forgotten: readonly ForgottenTime[], fence: FenceMode = 'default'): boolean {
  const era: Era = { forgotten, secret: SECRET }
  return isProvenFresh({ created, acceptUntil: created + 300, nonce: undefined }, era, rule(fence), NOON_MS)
}

describe('the fence', () => {
  it('trusts the second of a first start, and not the one of a loss', () => {
    expect(isTrusted(NOON, [past('start')])).toBe(true)
    expect(isTrusted(NOON - 1, [past('start')])).toBe(false)
    expect(isTrusted(NOON, [past('loss')])).toBe(false)
    expect(isTrusted(NOON + 1, [past('loss')])).toBe(true)
  })

  it('trusts, when strict, only what is dated further ahead than anything accepted before', () => {
    for (const cause of ['start', 'loss'] as const) {
      expect(isTrusted(NOON + 30, [past(cause)], 'strict')).toBe(false)
      expect(isTrusted(NOON + 31, [past(cause)], 'strict')).toBe(true)
    }
  })

  it('trusts what had ended before a forgotten time began', () => {
    expect(isTrusted(NOON - 400, [past('loss', NOON_MS, (NOON - 50) * 1000)])).toBe(true)
    expect(isTrusted(NOON - 400, [past('loss', NOON_MS, (NOON - 100) * 1000)])).toBe(false)
  })

  it('refuses what is not a number', () => {
    expect(isTrusted(Number.NaN, [past('start')])).toBe(false)
  })

  it('opens for a nonce of the era', () => {
    const era: Era = { forgotten: [past('loss')], secret: SECRET }
    const claim = { created: NOON - 60, acceptUntil: NOON + 240, nonce: createNonce(SECRET, NOON_MS) }
    expect(isProvenFresh(claim, era, rule('strict'), NOON_MS)).toBe(true)
    expect(isProvenFresh({ ...claim, nonce: 'of the agent' }, era, rule('strict'), NOON_MS)).toBe(false)
  })

  it('stands, when strict, before everything that could be accepted in the forgotten time', () => {
    const ms = fc.integer({ min: 0, max: 2_000_000 })
    fc.assert(
      fc.property(
        ms,
        ms,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 2100 }),
        (untilMs, wallMs, skew, created) => {
          fc.pre(wallMs <= untilMs && created <= wallMs / 1000 + skew)
          return created < firstTrustedSecond(past('start', untilMs), rule('strict', skew))
        },
      ),
    )
  })
})

describe('an era', () => {
  it('drops what a longer forgotten time contains', () => {
    const era = forgetMore({ forgotten: [past('start', 1000)], secret: SECRET }, past('loss', 2000), SECRET)
    expect(era.forgotten).toEqual([past('loss', 2000)])
  })

  it('keeps apart what lies apart, and merges when there is too much', () => {
    let era: Era = { forgotten: [], secret: SECRET }
    for (let index = 0; index < 8; index++)
      era = forgetMore(era, past('loss', 2000 * index + 1000, 2000 * index), SECRET)
    expect(era.forgotten).toHaveLength(8)
    era = forgetMore(era, past('loss', 100_000, 99_000), SECRET)
    expect(era.forgotten).toEqual([past('loss', 100_000)])
  })
})
