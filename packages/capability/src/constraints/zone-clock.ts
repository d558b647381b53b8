/** A time as a clock on the wall shows it somewhere. */
export interface LocalTime {
  /** 1 is Monday, 7 is Sunday (ISO 8601). */
  readonly weekday: number
  /** Minutes since midnight, 0 to 1439. */
  readonly minute: number
}

/** What the clocks of an IANA time zone show; `undefined` when there is no such zone. */
export type ZoneClock = (zone: string, nowMs: number) => LocalTime | undefined

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
