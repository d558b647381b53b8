import type { LocalTime, ParseConstraint, ZoneClock } from './constraint.ts'

/** Hours of some days of the week by the clocks of a place. From is inside, to is not. */
interface Hours {
  readonly zone: string
  /** The days on which the hours begin: 1 is Monday. */
  readonly days: readonly number[]
  readonly fromMinute: number
  /** Before `fromMinute` when the hours run past midnight. */
  readonly toMinute: number
}

const MEMBERS = ['tz', 'days', 'from', 'to']
const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
const MAX_HOURS = 16

/**
 * The time is inside: `'24/7'`, `{ tz, days?, from, to }`, or a list of such hours of which one must fit. When clocks go
 * back, an hour that comes twice is inside twice; one that is skipped never comes.
 */
export const withinHours: ParseConstraint = (limit, { zoneClock }) => {
  if (limit === '24/7') return () => 'met'
  const stated: readonly unknown[] = Array.isArray(limit) ? limit : [limit]
  const hours = stated.map(tryParseHours)
  if (hours.length === 0 || hours.length > MAX_HOURS || !hours.every((each) => each !== undefined)) return undefined
  if (hours.some(({ zone }) => zoneClock(zone, 0) === undefined)) return undefined
  return ({ nowMs }) => {
    const isOpen = hours.some((each) => {
      const time = zoneClock(each.zone, nowMs)
      return time !== undefined && isInside(each, time)
    })
    return isOpen ? 'met' : 'violated'
  }
}

function isInside({ days, fromMinute, toMinute }: Hours, { weekday, minute }: LocalTime): boolean {
  if (fromMinute < toMinute) return days.includes(weekday) && fromMinute <= minute && minute < toMinute
  const dayBefore = weekday === 1 ? 7 : weekday - 1
  return (days.includes(weekday) && minute >= fromMinute) || (days.includes(dayBefore) && minute < toMinute)
}

function tryParseHours(stated: unknown): Hours | undefined {
  if (typeof stated !== 'object' || stated === null) return undefined
  if (Object.keys(stated).some((member) => !MEMBERS.includes(member))) return undefined
  const { tz, days = EVERY_DAY, from, to } = stated as Readonly<Record<string, unknown>>
  const [fromMinute, toMinute] = [tryParseMinute(from), to === '24:00' ? 1440 : tryParseMinute(to)]
  if (typeof tz !== 'string' || fromMinute === undefined || toMinute === undefined || !isDays(days)) return undefined
  // The same time twice may mean a whole day or nothing at all.
  return fromMinute === toMinute ? undefined : { zone: tz, days, fromMinute, toMinute }
}

function tryParseMinute(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text) : null
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2])
}

function isDays(days: unknown): days is readonly number[] {
  return Array.isArray(days) && days.length > 0 && days.length <= 7 && days.every((day) => EVERY_DAY.includes(day))
}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const WINDOW_MEMBERS = ['start', 'end']

/** The time is at or behind `start` and before `end`; one of the two may be left out. RFC 3339 texts. */
export const withinWindow: ParseConstraint = (limit) => {
  if (typeof limit !== 'object' || limit === null) return undefined
  const members = Object.entries(limit)
  if (members.length === 0 || members.some(([name]) => !WINDOW_MEMBERS.includes(name))) return undefined
  const times = new Map(members.map(([name, text]) => [name, tryParseTime(text)]))
  if ([...times.values()].includes(undefined)) return undefined
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = Object.fromEntries(times)
  return ({ nowMs }) => (start <= nowMs && nowMs < end ? 'met' : 'violated')
}

/** Unix milliseconds. A 30th of February, which parsers take for a day in March, is no time. */
function tryParseTime(text: unknown): number | undefined {
  const match = typeof text === 'string' ? RFC3339.exec(text) : null
  if (match === null) return undefined
  const [year, month, day] = match.slice(1, 4).map(Number)
  const date = new Date(Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day))
  const isDate = date.getUTCMonth() + 1 === month && date.getUTCDate() === day
  return isDate ? Date.parse(match[0]) : undefined
}

const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/
const MAX_ZONES = 64
/** Clocks change at full quarters of an hour only, so the offset of one is that of all of its minutes. */
const QUARTER_MS = 900_000

interface ZoneOffset {
  readonly format: Intl.DateTimeFormat
  quarter: number
  offsetMs: number
}

/** Makes a clock that remembers the offsets of the zones it was asked for. */
export function createZoneClock(): ZoneClock {
  const zones = new Map<string, ZoneOffset>()
  return (zone, nowMs) => {
    const known = zones.get(zone) ?? openZone(zone)
    if (known === undefined || !Number.isFinite(nowMs)) return undefined
    if (!zones.has(zone)) remember(zones, zone, known)
    const quarter = Math.floor(nowMs / QUARTER_MS)
    if (known.quarter !== quarter) {
      known.quarter = quarter
      known.offsetMs = offsetAt(known.format, quarter * QUARTER_MS)
    }
    const local = new Date(nowMs + known.offsetMs)
    return { weekday: local.getUTCDay() || 7, minute: local.getUTCHours() * 60 + local.getUTCMinutes() }
  }
}

function remember(zones: Map<string, ZoneOffset>, zone: string, opened: ZoneOffset): void {
  if (zones.size >= MAX_ZONES) zones.clear()
  zones.set(zone, opened)
}

function openZone(timeZone: string): ZoneOffset | undefined {
  if (!ZONE.test(timeZone)) return undefined
  const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', calendar: 'gregory', ...fields })
    return { format, quarter: Number.NaN, offsetMs: 0 }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function offsetAt(format: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? Number.NaN
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute')) - ms
}
