import type { ReadLimit } from './constraint-check.ts'
import type { LocalTime } from './zone-clock.ts'

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
export const withinHours: ReadLimit = (limit, { zoneClock }) => {
  if (limit === '24/7') return () => 'met'
  const stated: readonly unknown[] = Array.isArray(limit) ? limit : [limit]
  const hours = stated.map(findHours)
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

function findHours(stated: unknown): Hours | undefined {
  if (typeof stated !== 'object' || stated === null) return undefined
  if (Object.keys(stated).some((member) => !MEMBERS.includes(member))) return undefined
  const { tz, days = EVERY_DAY, from, to } = stated as Readonly<Record<string, unknown>>
  const [fromMinute, toMinute] = [findMinute(from), to === '24:00' ? 1440 : findMinute(to)]
  if (typeof tz !== 'string' || fromMinute === undefined || toMinute === undefined || !isDays(days)) return undefined
  // The same time twice may mean a whole day or nothing at all.
  return fromMinute === toMinute ? undefined : { zone: tz, days, fromMinute, toMinute }
}

function findMinute(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text) : null
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2])
}

function isDays(days: unknown): days is readonly number[] {
  return Array.isArray(days) && days.length > 0 && days.length <= 7 && days.every((day) => EVERY_DAY.includes(day))
}
