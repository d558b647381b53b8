import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { canonicalJson, isAgentId, isKeyId, type JsonValue } from '@countermark/core/internal'
import { isNonce } from '../simple/fields.ts'

/** What an agent orders and how far the order goes. */
export interface ActionStatement {
  /** What to do, in words that the executing party knows, such as `refunds:create`. Printable ASCII. */
  readonly action: string
  readonly parameters: JsonValue
  /** Who is to do it: an action for one party is worth nothing to another. */
  readonly audience: string
  readonly agentId: string
  readonly keyId: string
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds. */
  readonly expires: number
  /** Never used before with this key. */
  readonly nonce: string
  readonly limits: ActionLimits
}

const PRINTABLE = /^[\x20-\x7e]{1,256}$/
const MAX_PARAMETER_BYTES = 1_048_576

/**
 * Checks a statement. Its parameters and limits are a copy of exactly what the signature covers.
 * @throws {@link Refusal} `request_malformed`, `body_too_large`
 */
export function parseStatement(given: Readonly<Record<keyof ActionStatement, unknown>>): ActionStatement {
  const { action, audience, agentId, keyId, created, expires, nonce } = given
  if (!isText(action, PRINTABLE)) throw malformed('action must be 1 to 256 printable characters')
  if (!isText(audience, PRINTABLE)) throw malformed('audience must be 1 to 256 printable characters')
  if (typeof agentId !== 'string' || !isAgentId(agentId)) throw malformed('agent_id must name an agent')
  if (typeof keyId !== 'string' || !isKeyId(keyId)) throw malformed('key_id must name a key')
  if (typeof nonce !== 'string' || !isNonce(nonce)) throw malformed('nonce must be 1 to 128 safe characters')
  if (!isTime(created) || !isTime(expires)) throw malformed('created and expires must be Unix seconds')
  const parameters = copyOf(given.parameters)
  const limits = parseLimits(copyOf(given.limits))
  return { action, parameters, audience, agentId, keyId, created, expires, nonce, limits }
}

/**
 * The bytes that are signed: ten lines without a newline at the end. The first line keeps them apart from everything else
 * that a key may sign; the last ends in `=`, so they are no `simple-v0` message either.
 */
export function buildActionBase(statement: ActionStatement): Buffer {
  const { action, audience, agentId, keyId, created, expires, nonce, parameters, limits } = statement
  const lines = ['AGENT-ACTION-V1', action, audience, agentId, keyId, created, expires, nonce]
  return Buffer.from([...lines, hashOf(parameters), hashOf(limits)].join('\n'), 'utf8')
}

function hashOf(value: JsonValue | ActionLimits): string {
  return hash('sha256', canonicalJson(value), 'base64')
}

function copyOf(value: unknown): JsonValue {
  const text = canonicalTextOf(value)
  if (Buffer.byteLength(text) > MAX_PARAMETER_BYTES) {
    throw new Refusal('body_too_large', `parameters have at most ${MAX_PARAMETER_BYTES} bytes`)
  }
  return JSON.parse(text)
}

function canonicalTextOf(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    throw new Refusal('request_malformed', 'parameters and limits must be JSON', { cause: error })
  }
}

function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

/** Ten digits, as everywhere in the profile: one spelling for one time. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1_000_000_000 && value <= 9_999_999_999
}

/** An amount in minor units, such as 4200 and `USD` for 42 dollars. */
export interface Money {
  readonly value: number
  /** ISO 4217. */
  readonly currency: string
}

/** How far an action may go, by name: a sum, or a count. */
export type ActionLimits = Readonly<Record<string, Money | number>>

/** Which limits the party that executes an action enforces. */
interface LimitPolicy {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

const NAME = /^[a-z][a-z0-9_]{0,63}$/
const MAX_LIMITS = 16

/**
 * Reads the limits of an action.
 * @throws {@link Refusal} `request_malformed`
 */
function parseLimits(value: unknown): ActionLimits {
  if (!isRecord(value)) throw malformed('limits must be an object')
  const limits = Object.entries(value)
  if (limits.length > MAX_LIMITS) throw malformed(`an action has at most ${MAX_LIMITS} limits`)
  return Object.fromEntries(limits.map(([name, limit]) => [parseName(name), parseLimit(limit)]))
}

/**
 * Refuses an action without a limit that must be there, or with one that is not enforced here.
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
