import { createHmac } from 'node:crypto'
import { type AgentRequest, Misconfigured, requireKnownOptions } from '@countermark/core'
import { SecretMask } from './secret-mask.ts'
import { SECRET_PARAMETERS } from './secret-names.ts'

/** What a trail reads from requests, and how. */
export interface RecordRules {
  /** Names that hold credentials, and the search for them. */
  readonly secretNames: readonly string[]
  readonly mask: SecretMask
  /** Fields, in lower case, in which an agent says what it is about to do, and which of its instances it is. */
  readonly intentHeader: string
  readonly instanceHeader: string
  readonly traceIdOf: (request: AgentRequest) => string | undefined
  readonly dataClassOf: (request: AgentRequest) => string | undefined
  /** What an address or a user is called instead. @default as they are */
  readonly pseudonym?: NamePerson | undefined
}

/** Answers with the pseudonym of an address or a user. */
export type NamePerson = (name: 'address' | 'user', value: string) => string

/** What is read from a request besides what its guard established. */
export interface RecordRuleOptions {
  /** Names that hold credentials, besides those that show it by their kind. @default {@link SECRET_PARAMETERS} */
  readonly secretParameters?: readonly string[]
  /** The field in which an agent says what it is about to do. @default 'agent-intent' */
  readonly intentHeader?: string
  /** The field in which it says which of its instances it is. @default 'agent-instance' */
  readonly instanceHeader?: string
  /** @default the trace id of `traceparent` */
  readonly traceId?: (request: AgentRequest) => string | undefined
  /** Class of the data behind a request, for retention and reports. @default none */
  readonly dataClass?: (request: AgentRequest) => string | undefined
}

/** Pseudonyms of addresses and users. */
export interface PseudonymOptions {
  /** A secret of at least 16 bytes: with another one the same user has another name. */
  readonly key: string | Uint8Array
  /** What is hidden. @default both */
  readonly values?: readonly ('address' | 'user')[]
}

/** Names of {@link RecordRuleOptions}. */
export const RECORD_RULE_OPTIONS: readonly (keyof RecordRuleOptions)[] = [
  ...(['secretParameters', 'intentHeader', 'instanceHeader', 'traceId', 'dataClass'] as const),
]

/**
 * Validates these options.
 * @throws {@link Misconfigured}
 */
export function readRecordRules(options: RecordRuleOptions): RecordRules {
  const { intentHeader = 'agent-intent', instanceHeader = 'agent-instance' } = options
  const { secretParameters: secretNames = SECRET_PARAMETERS } = options
  return {
    secretNames,
    mask: new SecretMask(secretNames),
    intentHeader: requireField('intentHeader', intentHeader),
    instanceHeader: requireField('instanceHeader', instanceHeader),
    traceIdOf: requireFunction('traceId', options.traceId ?? traceIdOf),
    dataClassOf: requireFunction('dataClass', options.dataClass ?? (() => undefined)),
  }
}

function requireField(option: string, name: string): string {
  if (typeof name === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return name.toLowerCase()
  throw new Misconfigured('ERR_OPTION_INVALID', `${option} must be the name of a header field`)
}

function requireFunction<Reader>(option: string, read: Reader): Reader {
  if (typeof read === 'function') return read
  throw new Misconfigured('ERR_OPTION_INVALID', `${option} must be a function`)
}

/** W3C Trace Context section 3.2: version, trace id, parent id, flags; a trace id of zeros is none. */
function traceIdOf({ headers }: AgentRequest): string | undefined {
  const [, traceId] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers.only('traceparent') ?? '') ?? []
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId
}

/**
 * Prepares pseudonyms of addresses and users. `undefined` where both are recorded as they are.
 * @throws {@link Misconfigured}
 */
export function readPseudonyms(options: PseudonymOptions | undefined): NamePerson | undefined {
  if (options === undefined) return undefined
  requireKnownOptions('pseudonyms', options, ['key', 'values'])
  const { key, values = ['address', 'user'] } = options
  if (!isPseudonymKey(key)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'pseudonyms.key must be a secret of at least 16 bytes')
  }
  if (!Array.isArray(values) || !values.every((name) => name === 'address' || name === 'user')) {
    throw new Misconfigured('ERR_OPTION_INVALID', "pseudonyms.values must list 'address', 'user' or both")
  }
  const secret = typeof key === 'string' ? key : Uint8Array.from(key)
  return (name, value) => (values.includes(name) ? pseudonymOf(name, value, secret) : value)
}

/** The same text for the same value; only the key tells which value. HMAC-SHA-256, base64url. */
export function pseudonymOf(name: string, value: string, key: string | Uint8Array): string {
  return createHmac('sha256', key).update(`${name}\n${value}`).digest('base64url')
}

/** Whether a key is too long to be guessed. */
export function isPseudonymKey(key: unknown): key is string | Uint8Array {
  return (typeof key === 'string' || key instanceof Uint8Array) && Buffer.from(key).length >= 16
}
