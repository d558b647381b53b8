import fc from 'fast-check'
import { isRefusal } from '../src/index.ts'
import { acceptUntil } from '../src/internal.ts'

const WINDOW = { toleranceSeconds: 300, futureSkewSeconds: 30 }
const NOW = 1_767_225_600
const NOW_MS = NOW * 1000

function judge(created: number, expires?: number, nowMs = NOW_MS): number | string {
  try {
    return acceptUntil({ created, expires }, WINDOW, nowMs)
  } catch (error) {
    return isRefusal(error) ? error.code : 'no refusal'
  }
}

describe('the acceptance window', () => {
  it.each([
    ['made now', NOW, undefined, NOW + 300],
    ['made 300 s ago', NOW - 300, undefined, NOW],
    ['made 301 s ago', NOW - 301, undefined, 'signature_expired'],
    ['dated 30 s ahead', NOW + 30, undefined, NOW + 330],
    ['dated 31 s ahead', NOW + 31, undefined, 'signature_not_yet_valid'],
    ['ending this second', NOW - 10, NOW, NOW],
    ['ended a second ago', NOW - 10, NOW - 1, 'signature_expired'],
    ['ending before it was made', NOW + 20, NOW + 10, 'signature_expired'],
    ['ending later than the tolerance', NOW, NOW + 3600, NOW + 300],
  ])('judges a signature %s', (_name, created, expires, expected) => {
    expect(judge(created, expires)).toBe(expected)
  })

  it('counts fractions of a millisecond', () => {
    expect(judge(NOW - 300, undefined, NOW_MS + 0.4)).toBe('signature_expired')
    expect(judge(NOW + 30, undefined, NOW_MS - 0.4)).toBe('signature_not_yet_valid')
  })

  it.each([
    [Number.NaN, undefined, NOW_MS],
    [NOW, Number.NaN, NOW_MS],
    [NOW, undefined, Number.NaN],
    [Number.POSITIVE_INFINITY, undefined, NOW_MS],
    [Number.NEGATIVE_INFINITY, undefined, NOW_MS],
  ])('refuses created %p, expires %p at %p', (created, expires, nowMs) => {
    expect(judge(created, expires, nowMs)).toEqual(expect.any(String))
  })

  it('refuses every signature when a bound is not a number', () => {
    const times = { created: NOW, expires: undefined }
    expect(() => acceptUntil(times, { ...WINDOW, toleranceSeconds: Number.NaN }, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'signature_expired' }),
    )
    expect(() => acceptUntil(times, { ...WINDOW, futureSkewSeconds: Number.NaN }, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'signature_not_yet_valid' }),
    )
  })
})

describe('for any time', () => {
  const seconds = fc.oneof(fc.integer({ min: NOW - 700, max: NOW + 700 }), fc.double())
  const end = fc.oneof(fc.constant(undefined), seconds)
  const clock = fc.double({ min: NOW_MS - 1000, max: NOW_MS + 1000, noNaN: true })

  it('accepts exactly what lies inside the window', () => {
    fc.assert(
      fc.property(seconds, end, clock, (created, expires, nowMs) => {
        const last = Math.min(expires ?? Number.POSITIVE_INFINITY, created + 300)
        const inside = created <= nowMs / 1000 + 30 && nowMs / 1000 <= last && created <= last
        return typeof judge(created, expires, nowMs) === (inside ? 'number' : 'string')
      }),
      { numRuns: 2000 },
    )
  })

  it('promises no second after which the signature would be accepted again', () => {
    fc.assert(
      fc.property(
        seconds,
        end,
        clock,
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        (created, expires, nowMs, later) => {
          const until = judge(created, expires, nowMs)
          fc.pre(typeof until === 'number')
          return typeof judge(created, expires, Number(until) * 1000 + later) === 'string'
        },
      ),
      { numRuns: 1000 },
    )
  })
})
