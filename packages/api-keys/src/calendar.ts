import { type HeaderField, Misconfigured } from '@countermark/core'
import { type JsonValue, number, optionTable } from '@countermark/core/internal'

/** A time in which keys are refused, so that callers that have not moved notice while there is still time. */
export interface Brownout {
  /** ISO 8601 with a zone, such as `2027-01-11T10:00:00Z`. */
  readonly from: string
  /** How long it lasts. Minutes. */
  readonly minutes: number
  /** The same again after so many days, until the sunset. @default once */
  readonly everyDays?: number
}

/** When keys are accepted, and what answers say of it. Times are Unix milliseconds. */
export interface CalendarOptions {
  readonly deprecated: string | undefined
  readonly sunset: string | undefined
  readonly brownouts: readonly Brownout[]
  readonly documentation: string | undefined
}

/** What holds for keys at one moment. */
export type KeyState =
  | { readonly name: 'accepted' }
  | { readonly name: 'sunset' }
  | { readonly name: 'brownout'; readonly untilMs: number }

/** The end of keys, step by step: the same in every process. */
export interface Calendar {
  readonly stateAt: (nowMs: number) => KeyState
  /** `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` for answers to callers with a key. */
  readonly fields: readonly HeaderField[]
  /** Unix milliseconds; `undefined` while no end is set. */
  readonly sunsetMs: number | undefined
  /** The same for the service's document. */
  readonly published: Readonly<Record<string, JsonValue>>
}

interface Window {
  readonly fromMs: number
  readonly lengthMs: number
  /** 0: once. */
  readonly everyMs: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const MAX_BROWNOUTS = 100

/**
 * Reads the end of keys.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function createCalendar({ deprecated, sunset, brownouts, documentation }: CalendarOptions): Calendar {
  const deprecatedMs = readTime('deprecated', deprecated)
  const sunsetMs = readTime('sunset', sunset)
  requireAnnounced(deprecatedMs, sunsetMs, brownouts)
  const windows = brownouts.map((brownout) => readWindow(brownout, deprecatedMs, sunsetMs))
  return {
    stateAt: (nowMs) => stateAt(nowMs, sunsetMs, windows),
    fields: fieldsOf(deprecatedMs, sunsetMs, documentation),
    sunsetMs,
    published: {
      ...(deprecatedMs !== undefined && { deprecated: isoTime(deprecatedMs) }),
      ...(sunsetMs !== undefined && { sunset: isoTime(sunsetMs) }),
      ...(documentation !== undefined && { documentation }),
      brownouts: brownouts.map(({ from, minutes, everyDays }) => {
        return { from, minutes, ...(everyDays !== undefined && { every_days: everyDays }) }
      }),
    },
  }
}

function stateAt(nowMs: number, sunsetMs: number | undefined, windows: readonly Window[]): KeyState {
  // Written so that a clock without a time refuses.
  if (sunsetMs !== undefined && !(nowMs < sunsetMs)) return { name: 'sunset' }
  let untilMs = 0
  for (const { fromMs, lengthMs, everyMs } of windows) {
    const sinceMs = nowMs - fromMs
    if (sinceMs < 0) continue
    const intoMs = everyMs === 0 ? sinceMs : sinceMs % everyMs
    if (intoMs < lengthMs) untilMs = Math.max(untilMs, nowMs - intoMs + lengthMs)
  }
  return untilMs === 0 ? { name: 'accepted' } : { name: 'brownout', untilMs }
}

function fieldsOf(
  deprecatedMs: number | undefined,
  sunsetMs: number | undefined,
  documentation: string | undefined,
): readonly HeaderField[] {
  const fields: HeaderField[] = []
  const relations: string[] = []
  if (deprecatedMs !== undefined) {
    // A Structured Field of type Date (RFC 9651 section 3.3.7).
    fields.push(['Deprecation', `@${Math.floor(deprecatedMs / 1000)}`])
    relations.push('deprecation')
  }
  if (sunsetMs !== undefined) {
    fields.push(['Sunset', new Date(sunsetMs).toUTCString()])
    relations.push('sunset')
  }
  if (documentation === undefined || relations.length === 0) return fields
  return [...fields, ['Link', relations.map((relation) => `<${documentation}>; rel="${relation}"`).join(', ')]]
}

/** Callers learn of a brownout and of the end before either begins (RFC 9745 section 4: no sunset before the deprecation). */
function requireAnnounced(
  deprecatedMs: number | undefined,
  sunsetMs: number | undefined,
  brownouts: readonly Brownout[],
): void {
  if (brownouts.length > MAX_BROWNOUTS)
    throw invalid(`brownouts may be ${MAX_BROWNOUTS} at most: repeat one by everyDays`)
  if (deprecatedMs === undefined && (sunsetMs !== undefined || brownouts.length > 0)) {
    const fix = 'sunset and brownouts need deprecated, the time from which answers announce them'
    throw new Misconfigured('ERR_OPTION_MISSING', fix)
  }
  if (deprecatedMs !== undefined && sunsetMs !== undefined && !(deprecatedMs < sunsetMs)) {
    throw invalid('sunset must come after deprecated')
  }
}

const BROWNOUT = optionTable('brownouts', {
  from: { read: (name, given) => requireTime(name, given) },
  minutes: number({ min: 1, max: 1440 }),
  everyDays: number({ min: 1, max: 366 }),
})

function readWindow(brownout: Brownout, deprecatedMs = 0, sunsetMs = Number.POSITIVE_INFINITY): Window {
  const { from: fromMs, minutes, everyDays = 0 } = BROWNOUT.read(brownout, 'each of brownouts: ')
  if (minutes === undefined)
    throw new Misconfigured('ERR_OPTION_MISSING', 'each of brownouts needs minutes, its length')
  const lengthMs = minutes * MINUTE_MS
  if (!(fromMs >= deprecatedMs && fromMs + lengthMs <= sunsetMs)) {
    throw invalid('each of brownouts must lie between deprecated and sunset')
  }
  if (everyDays > 0 && sunsetMs === Number.POSITIVE_INFINITY) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'brownouts that repeat need sunset, the day on which they end')
  }
  return { fromMs, lengthMs, everyMs: everyDays * DAY_MS }
}

function readTime(name: string, given: unknown): number | undefined {
  return given === undefined ? undefined : requireTime(name, given)
}

/** With a zone: processes in two zones would otherwise read two times. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/

function requireTime(name: string, given: unknown): number {
  const ms = typeof given === 'string' && TIME.test(given) ? Date.parse(given) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw invalid(`${name} must be a time with its zone, such as 2027-01-31T00:00:00Z`)
}

/** Whole seconds: header fields say no more. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
