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
  /** The bits of all fields that have one. */
  readonly mask?: number
  /** A field that must occur once and does not. */
  readonly doubled?: string | undefined
  readonly aliased?: boolean
}

const NONE: readonly string[] = []

/** Fields of which a second line would leave it to chance which one is believed. */
const AT_MOST_ONCE: ReadonlySet<string> = new Set([
  'agent-auth-version',
  'agent-delegation',
  'agent-id',
  'authorization',
  'content-length',
  'content-type',
  'dpop',
  'host',
  'idempotency-key',
  'key-id',
  'nonce',
  'timestamp',
  'txn-token',
  'workload-identity-token',
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

/** Fields that somebody behind us might find under `_` as well (CVE-2025-64484). */
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

/** Fields that checks ask for on every request: each has a bit. */
const ASKED_FOR: readonly string[] = [
  ...['host', 'authorization', 'content-length', 'content-type', 'content-encoding', 'content-digest'],
  ...['transfer-encoding', 'signature', 'signature-input', 'signature-agent', 'agent-id', 'agent-delegation'],
  ...['agent-auth-version', 'timestamp', 'nonce', 'key-id', 'dpop', 'txn-token', 'workload-identity-token'],
  ...['idempotency-key', 'mcp-method', 'mcp-name', 'x-http-method', 'x-http-method-override', 'x-method-override'],
  ...['origin', 'access-control-request-method', 'x-forwarded-for'],
]
const BITS: ReadonlyMap<string, number> = new Map(ASKED_FOR.map((name, index) => [name, 1 << index]))

/** The bit of a field that is often asked for; 0 for others. */
export function fieldBit(name: string): number {
  return BITS.get(name) ?? 0
}

/** What is known of a field's name, however it is spelt. */
interface FieldName {
  readonly name: string
  readonly bit: number
  readonly once: boolean
  readonly alias: boolean
  readonly pseudo: boolean
}

const MOST_SPELLINGS = 512
const LONGEST_SPELLING = 64
let spellings = new Map<string, FieldName>()

function fieldName(spelling: string): FieldName {
  const known = spellings.get(spelling)
  if (known !== undefined) return known
  const lower = spelling.toLowerCase()
  // The engine keeps one string for each name of a property: those are compared by their address.
  const name = Object.keys({ [lower]: 0 })[0] as string
  const described: FieldName = {
    name,
    bit: fieldBit(name),
    once: AT_MOST_ONCE.has(name) || KEPT_ONCE.has(name),
    alias: name.includes('_') && WITHOUT_ALIAS.has(name.replaceAll('_', '-')),
    pseudo: name.startsWith(':'),
  }
  if (spelling.length > LONGEST_SPELLING) return described
  // Strangers choose names: what is in use comes back.
  if (spellings.size >= MOST_SPELLINGS) spellings = new Map()
  spellings.set(spelling, described)
  return described
}

class Fields implements HeaderFields {
  readonly count: number
  /** The bits of all fields that have one. */
  readonly mask: number
  readonly doubled: string | undefined
  readonly aliased: boolean
  readonly #names: string[]
  readonly #values: (string | string[])[]

  constructor(rawHeaders: readonly string[], isCut: boolean) {
    const names: string[] = []
    const values: (string | string[])[] = []
    let mask = 0
    let count = 0
    let doubled: string | undefined
    let aliased = false
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const field = fieldName(rawHeaders[index] as string)
      if (field.pseudo) continue
      count++
      const value = rawHeaders[index + 1] as string
      const { name, bit } = field
      if (field.alias) aliased = true
      const before = bit === 0 || (mask & bit) !== 0 ? names.indexOf(name) : -1
      mask |= bit
      if (before < 0) {
        names.push(name)
        values.push(value)
        continue
      }
      if (field.once) doubled ??= name
      const known = values[before] as string | string[]
      if (typeof known === 'string') values[before] = [known, value]
      else known.push(value)
    }
    this.count = isCut ? Number.POSITIVE_INFINITY : count
    this.mask = mask
    this.doubled = doubled
    this.aliased = aliased
    this.#names = names
    this.#values = values
  }

  lines(name: string): readonly string[] {
    const value = this.#find(name)
    if (value === undefined) return NONE
    return typeof value === 'string' ? [value] : value
  }

  only(name: string): string | undefined {
    const value = this.#find(name)
    return typeof value === 'string' ? value : undefined
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  names(): IterableIterator<string> {
    return this.#names.values()
  }

  #find(name: string): string | string[] | undefined {
    const names = this.#names
    for (let index = 0; index < names.length; index++) if (names[index] === name) return this.#values[index]
    return undefined
  }
}

/** Groups `[name, value, name, value, …]` as Node's `rawHeaders` has it. Pseudo-header fields of HTTP/2 are left out. */
export function createHeaderFields(rawHeaders: readonly string[], isCut = false): HeaderFields {
  return new Fields(rawHeaders, isCut)
}
