import { Refusal } from '@countermark/core'

/** An amount in minor units, such as 4200 and `USD` for 42 dollars. */
export interface Money {
  readonly value: number
  /** ISO 4217. */
  readonly currency: string
}

/** How far an action may go, by name: a sum, or a count. */
export type ActionLimits = Readonly<Record<string, Money | number>>

/** Which limits the party that executes an action enforces. */
export interface LimitPolicy {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

const NAME = /^[a-z][a-z0-9_]{0,63}$/
const MAX_LIMITS = 16

/**
 * Reads the limits of an action.
 * @throws {@link Refusal} `request_malformed`
 */
export function parseLimits(value: unknown): ActionLimits {
  if (!isRecord(value)) throw malformed('limits must be an object')
  const limits = Object.entries(value)
  if (limits.length > MAX_LIMITS) throw malformed(`an action has at most ${MAX_LIMITS} limits`)
  return Object.fromEntries(limits.map(([name, limit]) => [parseName(name), parseLimit(limit)]))
}

/**
 * Refuses an action without a limit that must be there, or with one that nobody here would enforce.
 * @throws {@link Refusal} `coverage_insufficient`, `request_malformed`
 */
export function checkLimits(limits: ActionLimits, policy: LimitPolicy): void {
  const missing = policy.required.find((name) => !Object.hasOwn(limits, name))
  if (missing !== undefined) throw new Refusal('coverage_insufficient', `the limit ${missing} must be signed`)
  const isKnown = (name: string): boolean => policy.required.includes(name) || policy.optional.includes(name)
  if (!Object.keys(limits).every(isKnown)) throw malformed('the action has a limit that is not enforced here')
}

function parseName(name: string): string {
  if (NAME.test(name)) return name
  throw malformed('a limit is named by lower-case letters, digits and _')
}

function parseLimit(limit: unknown): Money | number {
  if (isCount(limit) || isMoney(limit)) return limit
  throw malformed('a limit is a whole number, or a value with its currency')
}

function isMoney(limit: unknown): limit is Money {
  if (!isRecord(limit) || Object.keys(limit).length !== 2) return false
  const { value, currency } = limit
  return isCount(value) && typeof currency === 'string' && /^[A-Z]{3}$/.test(currency)
}

function isCount(limit: unknown): limit is number {
  return typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(message: string): Refusal {
  return new Refusal('request_malformed', message)
}
