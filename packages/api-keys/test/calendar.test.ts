import fc from 'fast-check'
import { type CalendarOptions, createCalendar } from '../src/calendar.ts'

const T0 = Date.parse('2027-01-01T00:00:00Z')
const MINUTE = 60_000
const DAY = 1440 * MINUTE
const iso = (ms: number): string => new Date(ms).toISOString()
const END = { deprecated: iso(T0), sunset: iso(T0 + 90 * DAY) }

function calendar(options: Partial<CalendarOptions> = {}) {
  return createCalendar({
    deprecated: undefined,
    sunset: undefined,
    brownouts: [],
    documentation: undefined,
    ...options,
  })
}

function codeOf(options: Partial<CalendarOptions>): unknown {
  try {
    calendar(options)
  } catch (error) {
    return Object(error).code
  }
  return 'it started'
}

describe('the end of API keys', () => {
  it('is accepted without end where nothing is announced', () => {
    const { stateAt, fields } = calendar()
    expect([stateAt(T0), stateAt(T0 + 10_000 * DAY), fields]).toEqual([{ name: 'accepted' }, { name: 'accepted' }, []])
  })

  it('refuses from the sunset on, to the millisecond', () => {
    const { stateAt } = calendar(END)
    expect([stateAt(T0 + 90 * DAY - 1).name, stateAt(T0 + 90 * DAY).name]).toEqual(['accepted', 'sunset'])
  })

  it('refuses when the clock has no time', () => {
    expect(calendar(END).stateAt(Number.NaN).name).toBe('sunset')
  })

  it('refuses inside a brownout and says when it ends', () => {
    const from = T0 + 10 * DAY
    const { stateAt } = calendar({ ...END, brownouts: [{ from: iso(from), minutes: 10 }] })
    expect([from - 1, from, from + 10 * MINUTE - 1, from + 10 * MINUTE].map(stateAt)).toEqual([
      { name: 'accepted' },
      { name: 'brownout', untilMs: from + 10 * MINUTE },
      { name: 'brownout', untilMs: from + 10 * MINUTE },
      { name: 'accepted' },
    ])
  })

  it('repeats a brownout until the sunset', () => {
    const from = T0 + 10 * DAY
    const { stateAt } = calendar({ ...END, brownouts: [{ from: iso(from), minutes: 60, everyDays: 7 }] })
    const days = Array.from({ length: 91 }, (_, day) => stateAt(T0 + day * DAY + 30 * MINUTE).name)
    expect(days.flatMap((name, day) => (name === 'brownout' ? [day] : []))).toEqual([
      10, 17, 24, 31, 38, 45, 52, 59, 66, 73, 80, 87,
    ])
  })

  it('waits for the longer one of two that overlap', () => {
    const brownouts = [
      { from: iso(T0), minutes: 10 },
      { from: iso(T0), minutes: 30 },
    ]
    expect(calendar({ ...END, brownouts }).stateAt(T0)).toEqual({ name: 'brownout', untilMs: T0 + 30 * MINUTE })
  })

  it('ends a brownout when it said that it would', () => {
    const brownouts = [{ from: iso(T0 + 3 * DAY), minutes: 45, everyDays: 2 }]
    const { stateAt } = calendar({ ...END, brownouts })
    fc.assert(
      fc.property(fc.integer({ min: T0, max: T0 + 90 * DAY - 1 }), (nowMs) => {
        const state = stateAt(nowMs)
        const isRight =
          state.name === 'accepted' ||
          (state.name === 'brownout' && state.untilMs > nowMs && stateAt(state.untilMs).name !== 'brownout')
        expect(isRight).toBe(true)
      }),
    )
  })

  it('is written as the standards have it', () => {
    const { fields, published } = calendar({ ...END, documentation: 'https://example.com/keys' })
    expect(fields).toEqual([
      ['Deprecation', '@1798761600'],
      ['Sunset', 'Thu, 01 Apr 2027 00:00:00 GMT'],
      ['Link', '<https://example.com/keys>; rel="deprecation", <https://example.com/keys>; rel="sunset"'],
    ])
    expect(published).toMatchObject({ deprecated: '2027-01-01T00:00:00Z', sunset: '2027-04-01T00:00:00Z' })
  })

  it.each<[string, Partial<CalendarOptions>, string]>([
    ['a sunset that was not announced', { sunset: END.sunset }, 'ERR_OPTION_MISSING'],
    ['a brownout that was not announced', { brownouts: [{ from: iso(T0), minutes: 1 }] }, 'ERR_OPTION_MISSING'],
    ['a sunset before the deprecation', { deprecated: END.sunset, sunset: END.deprecated }, 'ERR_OPTION_INVALID'],
    ['a time without a zone', { deprecated: '2027-01-01T00:00:00' }, 'ERR_OPTION_INVALID'],
    ['a day', { deprecated: '2027-01-01' }, 'ERR_OPTION_INVALID'],
    ['a day that there is not', { deprecated: '2027-13-01T00:00:00Z' }, 'ERR_OPTION_INVALID'],
    [
      'a brownout before the deprecation',
      { ...END, brownouts: [{ from: iso(T0 - 1), minutes: 1 }] },
      'ERR_OPTION_INVALID',
    ],
    ['a brownout after the sunset', { ...END, brownouts: [{ from: END.sunset, minutes: 1 }] }, 'ERR_OPTION_INVALID'],
    ['a brownout of two days', { ...END, brownouts: [{ from: iso(T0), minutes: 2880 }] }, 'ERR_OPTION_INVALID'],
    ['a brownout without a length', { ...END, brownouts: [{ from: iso(T0) } as never] }, 'ERR_OPTION_MISSING'],
    [
      'a brownout that repeats for ever',
      { deprecated: iso(T0), brownouts: [{ from: iso(T0), minutes: 1, everyDays: 1 }] },
      'ERR_OPTION_MISSING',
    ],
    [
      'a misspelt brownout',
      { ...END, brownouts: [{ from: iso(T0), minutes: 1, every: 1 } as never] },
      'ERR_OPTION_UNKNOWN',
    ],
  ])('does not start with %s', (_what, options, code) => {
    expect(codeOf(options)).toBe(code)
  })
})
