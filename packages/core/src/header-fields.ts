import { CREDENTIAL_SCHEMES, fieldsOf } from './credential-scheme.ts'

/** Header fields as they came, by lower-case name. Built from `rawHeaders`, so nothing was merged or dropped. */
export interface HeaderFields {
  /** All field lines of a name in order of arrival; empty when absent. */
  readonly lines: (name: string) => readonly string[]
  /** The value when there is exactly one line, `undefined` when there is none or several: see {@link HeaderFields.lines}. */
  readonly only: (name: string) => string | undefined
  readonly has: (name: string) => boolean
  readonly names: () => IterableIterator<string>
  /** How many field lines there are. */
  readonly count: number
}

/**
 * Groups `[name, value, name, value, …]` as Node's `rawHeaders` has it. Pseudo-header fields of HTTP/2 are left out. Of
 * lines that were cut off there may be any number.
 */
export function createHeaderFields(rawHeaders: readonly string[], isCut = false): HeaderFields {
  return new SentFields(rawHeaders, isCut)
}

/** What parsers behind us may read differently: a doubled field, or one under another spelling. */
export function findNameFault(headers: HeaderFields): string | undefined {
  if (headers instanceof SentFields) return headers.fault
  const lines = [...headers.names()].flatMap((name) => headers.lines(name).flatMap((value) => [name, value]))
  return new SentFields(lines, false).fault
}

const NONE: readonly string[] = []
/** Up to here looking at each name is faster than a map. */
const MOST_SCANNED = 32
const fieldNames = createFieldNames()

/** Two arrays rather than a map: most requests have ten fields, and each is asked for a few times. */
class SentFields implements HeaderFields {
  readonly #names: string[] = []
  readonly #values: (string | string[])[] = []
  /** Where each name is, once there are many: a caller may send thousands. */
  #places: Map<string, number> | undefined = undefined
  readonly count: number
  readonly fault: string | undefined

  constructor(rawHeaders: readonly string[], isCut: boolean) {
    let count = 0
    let fault: string | undefined
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const { name, isOnce, isAlias, isPseudo } = fieldNames.find(rawHeaders[index] as string)
      if (isPseudo) continue
      count++
      if (isAlias) fault ??= 'a security header is spelt with an underscore'
      const isSecond = this.#add(name, rawHeaders[index + 1] as string)
      if (isSecond && isOnce) fault ??= `${name} must occur once`
    }
    this.count = isCut ? Number.POSITIVE_INFINITY : count
    this.fault = fault
  }

  lines(name: string): readonly string[] {
    const place = this.#placeOf(name)
    if (place < 0) return NONE
    const value = this.#values[place] as string | string[]
    return typeof value === 'string' ? [value] : value
  }

  only(name: string): string | undefined {
    const place = this.#placeOf(name)
    const value = place < 0 ? undefined : this.#values[place]
    return typeof value === 'string' ? value : undefined
  }

  has(name: string): boolean {
    return this.#placeOf(name) >= 0
  }

  names(): IterableIterator<string> {
    return this.#names.values()
  }

  /** Whether there was a line of that name before. */
  #add(name: string, value: string): boolean {
    const place = this.#placeOf(name)
    if (place < 0) {
      this.#places?.set(name, this.#names.length)
      this.#names.push(name)
      this.#values.push(value)
      if (this.#names.length === MOST_SCANNED) this.#places = new Map(this.#names.map((each, at) => [each, at]))
      return false
    }
    const known = this.#values[place] as string | string[]
    if (typeof known === 'string') this.#values[place] = [known, value]
    else known.push(value)
    return true
  }

  /** -1 where there is no such field. */
  #placeOf(name: string): number {
    return this.#places === undefined ? this.#names.indexOf(name) : (this.#places.get(name) ?? -1)
  }
}

/** A response header field. */
export type HeaderField = readonly [name: string, value: string]

/** What there is to know of a field's name, however it is spelt. */
export interface FieldName {
  /** In lower case. */
  readonly name: string
  /** Whether a second line of it is refused. */
  readonly isOnce: boolean
  /** Whether it is another spelling of a field that decides something. */
  readonly isAlias: boolean
  /** Whether it is a pseudo-header field of HTTP/2. */
  readonly isPseudo: boolean
}

/** Knows field names, most of them from the requests before. */
export interface FieldNames {
  readonly find: (spelling: string) => FieldName
  /** How many spellings are remembered. */
  readonly count: () => number
}

const MOST_SPELLINGS = 512
const LONGEST_SPELLING = 64

/** Creates a memory of field names: it is looked up once for each line of each request. */
export function createFieldNames(): FieldNames {
  let known = new Map<string, FieldName>()
  return {
    find: (spelling) => {
      const before = known.get(spelling)
      if (before !== undefined) return before
      const described = describe(spelling.toLowerCase())
      if (spelling.length > LONGEST_SPELLING) return described
      // Strangers choose names. Cleared rather than closed: what is in use comes back at once.
      if (known.size >= MOST_SPELLINGS) known = new Map()
      known.set(spelling, described)
      return described
    },
    count: () => known.size,
  }
}

function describe(lower: string): FieldName {
  // The engine keeps one string for each name of a property: two of those are compared by their address.
  const [name = lower] = Object.keys({ [lower]: 0 })
  return {
    name,
    isOnce: AT_MOST_ONCE.has(name) || KEPT_ONCE.has(name),
    isAlias: name.includes('_') && WITHOUT_ALIAS.has(name.replaceAll('_', '-')),
    isPseudo: name.startsWith(':'),
  }
}

/** Fields of which a second line would leave it to chance which one is believed. */
const AT_MOST_ONCE: ReadonlySet<string> = new Set([
  ...fieldsOf(CREDENTIAL_SCHEMES),
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
])

/**
 * Fields of which Node gives handlers the first line only, while a signature is over all lines joined by commas: a signed
 * value cut in two at a comma would be a signed value cut short.
 */
const KEPT_ONCE: ReadonlySet<string> = new Set([
  'age',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Fields that a server behind us may also find under a name with `_` (CVE-2025-64484). */
const WITHOUT_ALIAS: ReadonlySet<string> = new Set([
  ...AT_MOST_ONCE,
  'client-cert',
  'content-digest',
  'forwarded',
  'signature',
  'signature-agent',
  'signature-input',
  'transfer-encoding',
  'x-agent-id',
  'x-agent-signature',
  'x-agent-timestamp',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
])
