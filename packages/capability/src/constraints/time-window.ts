import type { ReadLimit } from './constraint-check.ts'

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const MEMBERS = ['start', 'end']

/** The time is at or behind `start` and before `end`; one of the two may be left out. RFC 3339 texts. */
export const withinWindow: ReadLimit = (limit) => {
  if (typeof limit !== 'object' || limit === null) return undefined
  const members = Object.entries(limit)
  if (members.length === 0 || members.some(([name]) => !MEMBERS.includes(name))) return undefined
  const times = new Map(members.map(([name, text]) => [name, findTime(text)]))
  if ([...times.values()].includes(undefined)) return undefined
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = Object.fromEntries(times)
  return ({ nowMs }) => (start <= nowMs && nowMs < end ? 'met' : 'violated')
}

/** Unix milliseconds. A 30th of February, which parsers take for a day in March, is no time. */
function findTime(text: unknown): number | undefined {
  const match = typeof text === 'string' ? RFC3339.exec(text) : null
  if (match === null) return undefined
  const [year, month, day] = match.slice(1, 4).map(Number)
  const date = new Date(Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day))
  const isDate = date.getUTCMonth() + 1 === month && date.getUTCDate() === day
  return isDate ? Date.parse(match[0]) : undefined
}
