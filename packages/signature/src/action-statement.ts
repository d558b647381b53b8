import { Refusal } from '@countermark/core'
import { canonicalJson, isAgentId, isKeyId, type JsonValue } from '@countermark/core/internal'
import { type ActionLimits, parseLimits } from './action-limits.ts'
import { digestBase64 } from './sha-digest.ts'
import { isNonce } from './simple-fields.ts'

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
  const lines = [
    'AGENT-ACTION-V1',
    action,
    audience,
    agentId,
    keyId,
    created,
    expires,
    nonce,
    hashOf(parameters),
    hashOf(limits),
  ]
  return Buffer.from(lines.join('\n'), 'utf8')
}

function hashOf(value: JsonValue | ActionLimits): string {
  return digestBase64('sha256', Buffer.from(canonicalJson(value), 'utf8'))
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

function malformed(message: string): Refusal {
  return new Refusal('request_malformed', message)
}
