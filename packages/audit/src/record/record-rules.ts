import { createHmac } from 'node:crypto'
import { type AgentRequest, Misconfigured } from '@countermark/core'
import {
  callback,
  custom,
  type OptionReader,
  optionTable,
  requireObject,
  type SettingsOf,
  strings,
} from '@countermark/core/internal'
import { SECRET_PARAMETERS, SecretMask } from './secret-mask.ts'

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

type Read = RecordRuleOptions['traceId']

/** How {@link RecordRuleOptions} are read, for the tables of those that have them. */
export const RECORD_RULE_ROWS: {
  readonly secretParameters: OptionReader<readonly string[]>
  readonly intentHeader: OptionReader<string>
  readonly instanceHeader: OptionReader<string>
  readonly traceId: OptionReader<Read>
  readonly dataClass: OptionReader<Read>
} = {
  secretParameters: strings(SECRET_PARAMETERS),
  intentHeader: custom((name, given = 'agent-intent') => requireField(name, given)),
  instanceHeader: custom((name, given = 'agent-instance') => requireField(name, given)),
  traceId: callback(),
  dataClass: callback(),
}

function requireField(option: string, name: unknown): string {
  if (typeof name === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return name.toLowerCase()
  throw new Misconfigured('ERR_OPTION_INVALID', `${option} must be the name of a header field`)
}

/** Makes the rules of options that were read. */
export function recordRules(settings: SettingsOf<typeof RECORD_RULE_ROWS>): RecordRules {
  const { secretParameters: secretNames, intentHeader, instanceHeader, traceId, dataClass } = settings
  return {
    secretNames,
    mask: new SecretMask(secretNames),
    intentHeader,
    instanceHeader,
    traceIdOf: traceId ?? traceIdOf,
    dataClassOf: dataClass ?? (() => undefined),
  }
}

/** W3C Trace Context section 3.2: version, trace id, parent id, flags; a trace id of zeros is none. */
function traceIdOf({ headers }: AgentRequest): string | undefined {
  const [, traceId] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers.only('traceparent') ?? '') ?? []
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId
}

/** How {@link PseudonymOptions} are read: as what makes pseudonyms, or `undefined` where there are none. */
export const PSEUDONYMS: OptionReader<NamePerson | undefined> = custom((path, given) => {
  if (given === undefined) return undefined
  const { key, values } = PSEUDONYM_OPTIONS.read(given as PseudonymOptions, `${path}.`)
  const secret = typeof key === 'string' ? key : Uint8Array.from(key)
  return (name, value) => (values.includes(name) ? pseudonymOf(name, value, secret) : value)
})

const PSEUDONYM_OPTIONS = optionTable('pseudonyms', {
  key: custom((name, key) => {
    if (isPseudonymKey(key)) return key
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a secret of at least 16 bytes`)
  }),
  values: custom((name, values = ['address', 'user']): readonly string[] => {
    if (Array.isArray(values) && values.every((each) => each === 'address' || each === 'user')) return values
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must list 'address', 'user' or both`)
  }),
})

/** The same text for the same value; only the key tells which value. HMAC-SHA-256, base64url. */
export function pseudonymOf(name: string, value: string, key: string | Uint8Array): string {
  return createHmac('sha256', key).update(`${name}\n${value}`).digest('base64url')
}

/** Whether a key is too long to be guessed. */
export function isPseudonymKey(key: unknown): key is string | Uint8Array {
  return (typeof key === 'string' || key instanceof Uint8Array) && Buffer.from(key).length >= 16
}

/** Classes of data by route template, such as `{ '/patients/:id': 'phi' }`; the first that fits decides. */
export type DataClasses = Readonly<Record<string, string>>

interface Tagged {
  readonly dataClass: string
  /** One per segment; `undefined` takes any. */
  readonly segments: readonly (string | undefined)[]
  /** Whether anything may follow. */
  readonly open: boolean
}

/**
 * Tags routes with the class of the data behind them, for retention and reports. A template has `:name` for any one segment and
 * `*` at its end for whatever follows; upper and lower case, doubled and trailing slashes make no difference, as routers have
 * it. Also a guard in front of the router, and a request that is refused, get their class.
 * @example
 * auditTrail({ sinks, dataClass: dataClasses({ '/patients/*': 'phi', '/cards/:id': 'cardholder' }) })
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function dataClasses(classes: DataClasses): (request: AgentRequest) => string | undefined {
  requireObject('dataClasses', classes)
  const tagged = Object.entries(classes).map(([template, dataClass]) => readTemplate(template, dataClass))
  return ({ path }) => {
    const segments = segmentsOf(path)
    return tagged.find((candidate) => fits(candidate, segments))?.dataClass
  }
}

function readTemplate(template: string, dataClass: string): Tagged {
  if (typeof dataClass !== 'string' || !/^[a-z][a-z0-9_-]{0,63}$/.test(dataClass)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'a class of data is a word in lower case, such as phi')
  }
  const open = /\/\*$/.test(template)
  const path = open ? template.slice(0, -1) : template
  if (!path.startsWith('/') || /[*?(){}]/.test(path)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'dataClasses names routes such as /patients/:id or /patients/*')
  }
  return { dataClass, open, segments: segmentsOf(path).map((text) => (text.startsWith(':') ? undefined : text)) }
}

function fits({ segments: wanted, open }: Tagged, segments: readonly string[]): boolean {
  if (open ? segments.length < wanted.length : segments.length !== wanted.length) return false
  return wanted.every((segment, index) => segment === undefined || segment === segments[index])
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter(Boolean).map(readSegment)
}

/** Too many tags are better than too few: what routers treat alike is one here. */
function readSegment(segment: string): string {
  try {
    return decodeURIComponent(segment).toLowerCase()
  } catch {
    // No router decodes it either.
    return segment.toLowerCase()
  }
}
