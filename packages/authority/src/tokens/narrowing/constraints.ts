import {
  canonicalJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  tryParseNetwork,
} from '@countermark/core/internal'

/** Constraints by name, as docs/protocol/constraints.md has them. */
export type Constraints = Readonly<Record<string, unknown>>

/** Gives what holds when both hold; `undefined` when nothing does, or when it cannot be written as one. */
type Meet = (one: unknown, other: unknown) => unknown

/** The stricter of two: a new constraint is a new row. */
const MEETS: ReadonlyMap<string, Meet> = new Map<string, Meet>([
  ['max_requests_per_minute', lower],
  ['max_requests_per_hour', lower],
  ['max_requests_per_day', lower],
  ['max_depth', lower],
  ['max_amount', lowerAmount],
  ['max_refund_amount', lowerAmount],
  ['max_payment_amount', lowerAmount],
  ['max_transfer_amount', lowerAmount],
  ['max_amount_per_hour', lowerAmount],
  ['max_amount_per_day', lowerAmount],
  ['require_approval_above', lowerAmount],
  ['currency', common],
  ['allowed_methods', common],
  ['datatypes', common],
  ['privileges', common],
  ['locations', common],
  ['require_approval_for', either],
  ['ip_ranges_allowed', commonNetworks],
  ['ip_ranges_blocked', either],
  ['time_window', commonWindow],
  ['operating_hours', commonHours],
])

/** Constraints that are counted: an entry that has one must not become two. */
export const BUDGETS: ReadonlySet<string> = new Set([
  ...['max_requests_per_minute', 'max_requests_per_hour', 'max_requests_per_day'],
  ...['max_amount_per_hour', 'max_amount_per_day'],
])

/** What holds when both hold; `undefined` when that is nothing. */
export function mergeConstraints(one: Constraints, other: Constraints): Constraints | undefined {
  const merged: Record<string, unknown> = { ...one }
  for (const [name, limit] of Object.entries(other)) {
    const known = Object.hasOwn(merged, name) ? meet(name, merged[name], limit) : limit
    if (known === undefined) return undefined
    merged[name] = known
  }
  return merged
}

function meet(name: string, one: unknown, other: unknown): unknown {
  if (isSame(one, other)) return one
  const row = MEETS.get(name) ?? (name.endsWith('_allowed') ? common : name.endsWith('_blocked') ? either : undefined)
  return row?.(one, other)
}

function isSame(one: unknown, other: unknown): boolean {
  return canonicalJson(one as JsonValue) === canonicalJson(other as JsonValue)
}

function lower(one: unknown, other: unknown): unknown {
  return typeof one === 'number' && typeof other === 'number' ? Math.min(one, other) : undefined
}

/** Amounts of two currencies do not compare. */
function lowerAmount(one: unknown, other: unknown): unknown {
  if (!isJsonObject(one) || !isJsonObject(other) || one['currency'] !== other['currency']) return undefined
  const value = lower(one['value'], other['value'])
  return value === undefined ? undefined : { value, currency: one['currency'] }
}

function common(one: unknown, other: unknown): unknown {
  const others = [other].flat()
  const both = [one].flat().filter((value) => others.includes(value))
  return both.length === 0 ? undefined : both
}

function either(one: unknown, other: unknown): unknown {
  return [...new Set([one, other].flat())]
}

/** Of two networks the narrower one, where one lies in the other; others have no address in common. */
function commonNetworks(one: unknown, other: unknown): unknown {
  const others = [other].flat()
  const both = [one].flat().flatMap((network) => others.map((another) => narrower(network, another)))
  const found = [...new Set(both.filter((network) => network !== undefined))]
  return found.length === 0 ? undefined : found
}

function narrower(one: unknown, other: unknown): unknown {
  if (typeof one !== 'string' || typeof other !== 'string') return undefined
  if (lies(other, one)) return other
  return lies(one, other) ? one : undefined
}

/** Whether a network lies in another: by its first address, and by its length. */
function lies(inner: string, outer: string): boolean {
  const [address = '', length] = inner.split('/')
  const isIn = tryParseNetwork(outer)?.contains(address) === true && tryParseNetwork(inner) !== undefined
  return isIn && lengthOf(address, length) >= lengthOf(outer.split('/')[0] ?? '', outer.split('/')[1])
}

function lengthOf(address: string, length: string | undefined): number {
  return length === undefined ? (address.includes(':') ? 128 : 32) : Number(length)
}

function commonWindow(one: unknown, other: unknown): unknown {
  if (!isJsonObject(one) || !isJsonObject(other) || ![one, other].every(hasReadableTimes)) return undefined
  const pick = (name: 'start' | 'end', isBetter: (a: number, b: number) => boolean): readonly [string, unknown][] => {
    const times = [one[name], other[name]].filter((time) => typeof time === 'string')
    const [first, second] = times
    if (first === undefined) return []
    return [[name, second === undefined || isBetter(Date.parse(first), Date.parse(second)) ? first : second]]
  }
  const window = Object.fromEntries([...pick('start', (a, b) => a >= b), ...pick('end', (a, b) => a <= b)])
  const { start, end } = window
  const isOpen = start === undefined || end === undefined || Date.parse(String(start)) < Date.parse(String(end))
  return isOpen ? window : undefined
}

/** A time that cannot be read is no time that is later: the window that has it lets nothing through. */
function hasReadableTimes(window: JsonObject): boolean {
  const times = [window['start'], window['end']].filter((time) => time !== undefined)
  return times.every((time) => typeof time === 'string' && !Number.isNaN(Date.parse(time)))
}

/** Hours of two clocks have no common spelling. */
function commonHours(one: unknown, other: unknown): unknown {
  if (one === '24/7') return other
  return other === '24/7' ? one : undefined
}
