import { type AgentRecord, type Environment, type KeySource, Misconfigured } from '@countermark/core'
import { callback, custom, type JsonValue, methods, number, optionTable, text } from '@countermark/core/internal'
import { type Brownout, type Calendar, createCalendar } from './calendar.ts'

/** What `lookup` answers with. */
export interface ApiKeyRecord {
  /** SHA-256 of the key, 64 hexadecimal digits, as it is stored: it is compared once more, in constant time. */
  readonly sha256: string
  /** Whose key it is: its id, or all that is known of it. */
  readonly agent: string | AgentRecord
}

/** Options of `apiKeys`. */
export interface ApiKeysOptions {
  /**
   * Finds a key by the SHA-256 that `hashApiKey` makes of it: the key itself is never handed on. `undefined` or `null` for one
   * that is not known; what it throws is answered with `key_source_unavailable`.
   */
  readonly lookup: (
    sha256: string,
    environment: Environment,
  ) => ApiKeyRecord | null | undefined | Promise<ApiKeyRecord | null | undefined>
  /** Where callers put the key: a field of its own, or a scheme of `Authorization` as in `Authorization: ApiKey`. @default 'X-API-Key' */
  readonly header?: string
  /** What `lookup` may take. Milliseconds. @default 2000 */
  readonly deadlineMs?: number
  /** Who is suspended or limited here is so with a key, too; agents that it does not know may call. @default nobody is asked */
  readonly agents?: KeySource
  /** Since when, or from when on, keys are deprecated: ISO 8601 with a zone. Answers say so by `Deprecation` (RFC 9745). @default they are not */
  readonly deprecated?: string
  /** When keys end: ISO 8601 with a zone. Answers say so by `Sunset` (RFC 8594); from then on every key is refused. @default no end */
  readonly sunset?: string
  /** Times in which keys are refused already. @default none */
  readonly brownouts?: readonly Brownout[]
  /** The page that says how to move: `Link` of answers. @default no link */
  readonly documentation?: string
}

/** The place of the key in a request. */
export interface KeyPlace {
  /** In lower case. */
  readonly field: string
  /** In lower case; `undefined` where the key is the whole value. */
  readonly scheme: string | undefined
}

/** Options after validation. */
export interface ApiKeySettings {
  readonly lookup: ApiKeysOptions['lookup']
  readonly place: KeyPlace
  readonly deadlineMs: number
  readonly agents: KeySource | undefined
  readonly calendar: Calendar
  /** For the configuration hash. */
  readonly stated: Readonly<Record<string, JsonValue>>
}

const OPTIONS = optionTable('apiKeys', {
  lookup: callback<ApiKeysOptions['lookup']>(),
  header: text('X-API-Key'),
  deadlineMs: number({ min: 1, max: 60_000, default: 2000 }),
  agents: methods<KeySource>(['findKeys']),
  deprecated: text(),
  sunset: text(),
  brownouts: custom((_name, given = []) => requireList(given)),
  documentation: custom((_name, given) => readPage(given)),
})

/**
 * Reads the options of `apiKeys`.
 * @throws {@link Misconfigured}
 */
export function readApiKeyOptions(options: ApiKeysOptions): ApiKeySettings {
  const settings = OPTIONS.read(options)
  const { lookup, header, deadlineMs, agents } = settings
  if (lookup === undefined) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'apiKeys needs lookup, which finds a key by its SHA-256')
  }
  const calendar = createCalendar(settings)
  return { lookup, place: readPlace(header), deadlineMs, agents, calendar, stated: OPTIONS.describe(settings) }
}

const TOKEN = /^[A-Za-z][A-Za-z0-9-]{0,63}$/
/** What another check reads, or what everybody sends, is no place for a key. */
const TAKEN =
  /^(?:signature.*|agent-.*|content-.*|cookie|date|dpop|host|key-id|nonce|timestamp|transfer-encoding|txn-token)$/i

function readPlace(header: string): KeyPlace {
  const [field = '', scheme, ...rest] = header.split(/: ?/)
  const isAuthorization = field.toLowerCase() === 'authorization'
  const fits = TOKEN.test(field) && !TAKEN.test(field) && rest.length === 0
  if (!fits || isAuthorization !== (scheme !== undefined) || (scheme !== undefined && !TOKEN.test(scheme))) {
    throw invalid("header must be a field such as 'X-API-Key', or a scheme as in 'Authorization: ApiKey'")
  }
  if (scheme !== undefined && /^(?:bearer|dpop|basic)$/i.test(scheme)) {
    throw invalid(`header must not be Authorization: ${scheme}: what it carries is no API key`)
  }
  return { field: field.toLowerCase(), scheme: scheme?.toLowerCase() }
}

function requireList(given: unknown): readonly Brownout[] {
  if (Array.isArray(given)) return given
  throw invalid('brownouts must be a list')
}

function readPage(given: unknown): string | undefined {
  if (given === undefined) return undefined
  const isUrl = typeof given === 'string' && /^https?:\/\/[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+$/.test(given)
  if (isUrl && URL.canParse(given)) return given
  throw invalid('documentation must be the URL of a page')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
