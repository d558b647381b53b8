import fc from 'fast-check'
import type { ConstraintInput } from '../src/constraints/constraint.ts'
import { createZoneClock, withinHours } from '../src/constraints/times.ts'

const zoneClock = createZoneClock()

function findingAt(time: string, hours: unknown): unknown {
  const check = withinHours(hours, { zoneClock, rename: (name) => name })
  return check?.({ nowMs: Date.parse(time) } as ConstraintInput) ?? 'unknown'
}

const OFFICE = { tz: 'Europe/Berlin', days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }
const NIGHT = { tz: 'America/New_York', days: [5], from: '22:00', to: '06:00' }
/** Berlin: 2026-03-29 02:00 becomes 03:00. 2026-10-25 03:00 becomes 02:00. */
const SMALL_HOURS = { tz: 'Europe/Berlin', from: '02:00', to: '03:00' }

describe('operating hours', () => {
  it.each([
    // A Thursday in winter: one hour ahead of UTC. From is inside, to is not.
    ['2026-01-01T07:59:59.999Z', OFFICE, 'violated'],
    ['2026-01-01T08:00:00Z', OFFICE, 'met'],
    ['2026-01-01T15:59:59.999Z', OFFICE, 'met'],
    ['2026-01-01T16:00:00Z', OFFICE, 'violated'],
    // In summer two.
    ['2026-07-01T07:00:00Z', OFFICE, 'met'],
    ['2026-07-01T15:00:00Z', OFFICE, 'violated'],
    // Saturday and Sunday, Friday and Monday.
    ['2026-01-03T10:00:00Z', OFFICE, 'violated'],
    ['2026-01-04T10:00:00Z', OFFICE, 'violated'],
    ['2026-01-02T10:00:00Z', OFFICE, 'met'],
    ['2026-01-05T10:00:00Z', OFFICE, 'met'],
    // Over midnight: the hours belong to the day on which they begin.
    ['2026-01-03T02:59:59Z', NIGHT, 'violated'],
    ['2026-01-03T03:00:00Z', NIGHT, 'met'],
    ['2026-01-03T10:59:59Z', NIGHT, 'met'],
    ['2026-01-03T11:00:00Z', NIGHT, 'violated'],
    ['2026-01-04T03:00:00Z', NIGHT, 'violated'],
    ['2026-01-02T04:00:00Z', NIGHT, 'violated'],
    // Sunday into Monday.
    ['2026-01-05T00:30:00Z', { tz: 'UTC', days: [7], from: '23:00', to: '01:00' }, 'met'],
    ['2026-01-04T00:30:00Z', { tz: 'UTC', days: [7], from: '23:00', to: '01:00' }, 'violated'],
    // Clocks go forward: the hour from 02:00 to 03:00 never comes.
    ['2026-03-29T00:59:59Z', SMALL_HOURS, 'violated'],
    ['2026-03-29T01:00:00Z', SMALL_HOURS, 'violated'],
    ['2026-03-29T01:30:00Z', SMALL_HOURS, 'violated'],
    ['2026-03-28T01:30:00Z', SMALL_HOURS, 'met'],
    // Clocks go back: it comes twice.
    ['2026-10-24T23:59:59Z', SMALL_HOURS, 'violated'],
    ['2026-10-25T00:00:00Z', SMALL_HOURS, 'met'],
    ['2026-10-25T00:59:59Z', SMALL_HOURS, 'met'],
    ['2026-10-25T01:00:00Z', SMALL_HOURS, 'met'],
    ['2026-10-25T01:59:59Z', SMALL_HOURS, 'met'],
    ['2026-10-25T02:00:00Z', SMALL_HOURS, 'violated'],
    // Zones off the full hour, and one whose clocks move by half an hour.
    ['2026-01-01T03:30:00Z', { tz: 'Asia/Kolkata', from: '09:00', to: '09:01' }, 'met'],
    ['2026-01-01T03:15:00Z', { tz: 'Asia/Kathmandu', from: '09:00', to: '09:01' }, 'met'],
    ['2026-04-04T14:59:59Z', { tz: 'Australia/Lord_Howe', from: '01:59', to: '02:00' }, 'met'],
    ['2026-04-04T15:00:00Z', { tz: 'Australia/Lord_Howe', from: '01:30', to: '01:31' }, 'met'],
    // The day on the other side of the world.
    ['2025-12-31T23:30:00Z', { tz: 'Pacific/Auckland', days: [4], from: '12:00', to: '13:00' }, 'met'],
    ['2026-01-01T00:00:00Z', { tz: 'Pacific/Honolulu', days: [3], from: '14:00', to: '14:01' }, 'met'],
    // To the end of the day, and always.
    ['2026-01-01T23:59:59Z', { tz: 'UTC', from: '00:00', to: '24:00' }, 'met'],
    ['2026-01-01T23:59:59Z', '24/7', 'met'],
    // One of several.
    ['2026-01-03T10:00:00Z', [OFFICE, { tz: 'UTC', days: [6], from: '10:00', to: '11:00' }], 'met'],
    ['2026-01-03T11:00:00Z', [OFFICE, { tz: 'UTC', days: [6], from: '10:00', to: '11:00' }], 'violated'],
  ])('at %s in %j: %s', (time, hours, result) => {
    expect(findingAt(time, hours)).toBe(result)
  })

  it.each([
    '9-17',
    '24x7',
    '',
    null,
    7,
    [],
    {},
    { from: '09:00', to: '17:00' },
    { ...OFFICE, tz: 'Mars/Olympus_Mons' },
    { ...OFFICE, tz: '+01:00' },
    { ...OFFICE, tz: '' },
    { ...OFFICE, tz: 1 },
    { ...OFFICE, from: '9:00' },
    { ...OFFICE, from: '24:00' },
    { ...OFFICE, to: '24:01' },
    { ...OFFICE, to: '17:60' },
    { ...OFFICE, from: '09:00', to: '09:00' },
    { ...OFFICE, days: [] },
    { ...OFFICE, days: [0] },
    { ...OFFICE, days: [1.5] },
    { ...OFFICE, days: ['1'] },
    { ...OFFICE, days: 'mon' },
    { ...OFFICE, except: ['2026-01-01'] },
    Array.from({ length: 17 }, () => OFFICE),
    [OFFICE, { ...OFFICE, tz: 'Nowhere' }],
  ])('are not understood as %j', (hours) => {
    expect(findingAt('2026-01-01T10:00:00Z', hours)).toBe('unknown')
  })
})

describe('the clock of a zone', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Chatham',
    'America/Santiago',
  ]

  it('shows what Intl shows, at any moment', () => {
    const moment = fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2035-01-01') })
    fc.assert(
      fc.property(fc.constantFrom(...zones), moment, (timeZone, ms) => {
        const format = { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
        const shown = new Intl.DateTimeFormat('en-GB', format).format(ms)
        const local = zoneClock(timeZone, ms)
        const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][(local?.weekday ?? 0) - 1]
        const clock = [Math.floor((local?.minute ?? 0) / 60), (local?.minute ?? 0) % 60].map((n) =>
          String(n).padStart(2, '0'),
        )
        return shown === `${day} ${clock.join(':')}` || shown === `${day}, ${clock.join(':')}`
      }),
      { numRuns: 1000 },
    )
  })

  it('stays correct when it is asked for more zones than it remembers', () => {
    const many = Intl.supportedValuesOf('timeZone').slice(0, 100)
    const ask = (): readonly unknown[] => many.map((zone) => zoneClock(zone, Date.parse('2026-07-01T12:00:00Z')))
    expect(ask()).toEqual(ask())
    expect(ask()).not.toContain(undefined)
  })
})
