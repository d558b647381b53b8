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
