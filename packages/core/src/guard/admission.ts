import { findNameFault, type HeaderFields } from '../header-fields.ts'
import { addressPrefix } from '../internal/ip.ts'
import { custom, flag, nested, number, type OptionReader, optionTable } from '../internal/option-table.ts'
import { requireStrings } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'
import { Refusal } from '../refusal/refusal.ts'
import { type AgentRequest, hasDotSegment } from '../request.ts'

/** RFC 9112 section 3.2.1. A backslash is a separator to some readers of a path, and a character like others in a query. */
const ORIGIN_FORM = /^\/(?!\/)[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*(?:\?[\x21\x22\x24-\x7e]*)?$/

/**
 * Refuses what different parsers read differently, before anything is believed: too many fields, doubled or aliased
 * security fields, content framed in two ways, targets that are not in origin-form.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`
 */
export function checkRequestShape(request: AgentRequest, maxHeaderFields: number): void {
  const { headers, target, method } = request
  if (!(headers.count <= maxHeaderFields)) {
    throw new Refusal('headers_too_large', `at most ${maxHeaderFields} header fields are accepted`)
  }
  const fault = findNameFault(headers)
  if (fault !== undefined) throw new Refusal('request_malformed', fault)
  checkFraming(headers)
  if (!ORIGIN_FORM.test(target) && !(target === '*' && method === 'OPTIONS')) {
    throw new Refusal('request_malformed', 'the request-target must be in origin-form, such as /orders?limit=10')
  }
}

/**
 * Refuses fields of credentials that occur twice or under another spelling, where the table of field names does not know them.
 * @throws {@link Refusal} `request_malformed`
 */
export function checkCredentialFields({ headers }: AgentRequest, fields: readonly string[]): void {
  for (const name of fields) {
    const alias = name.replaceAll('-', '_')
    if (headers.lines(name).length <= 1 && (alias === name || !headers.has(alias))) continue
    throw new Refusal('request_malformed', `${name} must occur once`)
  }
}

/**
 * Refuses hosts that are not ours.
 * @throws {@link Refusal} `request_malformed`, `authority_mismatch`
 */
export function checkHost({ authority, headers }: AgentRequest): void {
  if (authority !== '') return
  // HTTP/2 names the host in `:authority` instead (RFC 9113 section 8.3.1).
  if (!headers.has('host'))
    throw new Refusal('request_malformed', 'Host is required; in HTTP/2 a configured :authority does as well')
  throw new Refusal('authority_mismatch', 'Host must be one of the configured authorities, port included', {
    diagnosis: { received: headers.lines('host') },
  })
}

/**
 * Node's lenient parser lets pass what its strict one refuses (RFC 9112 section 6.1): two ways of framing, of which a proxy in
 * front may have gone by the other one, and codings other than `chunked`.
 */
function checkFraming(headers: HeaderFields): void {
  if (!headers.has('transfer-encoding')) return
  const isChunked = headers.only('transfer-encoding')?.trim().toLowerCase() === 'chunked'
  if (isChunked && !headers.has('content-length')) return
  throw new Refusal('request_malformed', 'content must be framed by Content-Length or by Transfer-Encoding: chunked')
}

/** What passes without an agent, by name. Everything else is guarded. */
export interface OpenRequests {
  /**
   * Exact paths as the application receives them, query not counted, such as `/healthz`. They pass with any Host:
   * load balancers and probes name the address of one server, or nothing. @default none
   */
  readonly paths?: readonly string[]
  /** Beginnings of paths that end in `/`, such as `/public/`; a path with a dot segment is below none of them. @default none */
  readonly prefixes?: readonly string[]
  /** The methods for which paths and prefixes are open; GET and HEAD only without content. @default ['GET', 'HEAD'] */
  readonly methods?: readonly string[]
  /** Let CORS preflights (OPTIONS with Origin and Access-Control-Request-Method) reach the application. @default false */
  readonly corsPreflight?: boolean
}

/** What passes without an agent, ready for every request. */
export interface OpenSettings {
  readonly openPaths: ReadonlySet<string>
  readonly openPrefixes: readonly string[]
  readonly openMethods: ReadonlySet<string>
  readonly corsPreflight: boolean
}

/** What of a request decides whether it is open. */
export interface OpenCandidate {
  readonly method: string
  /** As the application receives it. */
  readonly path: string
  readonly hasBody: boolean
}

const OPEN = optionTable('open', {
  paths: listOf(requirePath, []),
  prefixes: listOf(requirePrefix, []),
  methods: listOf(requireMethod, ['GET', 'HEAD']),
  corsPreflight: flag(false),
})

/** Reads `open`, in a fixed order. */
export const openRequests: OptionReader<Required<OpenRequests>> = nested(OPEN)

/** Prepares what passes without an agent. */
export function openSettings({ paths, prefixes, methods, corsPreflight }: Required<OpenRequests>): OpenSettings {
  return { openPaths: new Set(paths), openPrefixes: prefixes, openMethods: new Set(methods), corsPreflight }
}

/** Whether a request is left open by its path. */
export function isOpenPath({ method, path, hasBody }: OpenCandidate, settings: OpenSettings): boolean {
  if (!settings.openMethods.has(method) || (hasBody && (method === 'GET' || method === 'HEAD'))) return false
  if (settings.openPaths.has(path)) return true
  return settings.openPrefixes.some((prefix) => path.startsWith(prefix)) && !hasDotSegment(path) && !path.includes('//')
}

const PATH = /^\/(?!\/)[\x21\x22\x24-\x29\x2b-\x3e\x40-\x5b\x5d-\x7e]*$/

function listOf(check: (text: string) => string, fallback: readonly string[]): OptionReader<readonly string[]> {
  return custom((name, given = fallback) =>
    requireStrings(name, given as readonly string[])
      .map(check)
      .sort(),
  )
}

function requirePath(path: string): string {
  if (PATH.test(path)) return path
  throw invalid('each of open.paths must be one exact path such as /healthz, no pattern')
}

function requirePrefix(prefix: string): string {
  const isPrefix = prefix.length > 1 && prefix.endsWith('/') && PATH.test(prefix) && !hasDotSegment(prefix)
  if (isPrefix) return prefix
  throw invalid('each of open.prefixes must begin and end with / and name something, such as /public/')
}

/** RFC 9110 section 9.1: methods are case-sensitive. */
function requireMethod(method: string): string {
  if (/^[A-Z]{1,32}$/.test(method) && method !== 'OPTIONS') return method
  throw invalid(
    'each of open.methods must be a method in capitals such as GET; for OPTIONS there is open.corsPreflight',
  )
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}

/** How many requests that prove nothing one network may send. */
export interface SourceLimit {
  /** Refilled each second. @default 500 */
  readonly perSecond?: number
  /** At once. @default 2 × perSecond */
  readonly burst?: number
  /** Networks that are remembered; the one that was heard of longest ago makes room. @default 65_536 */
  readonly maxSources?: number
}

/** A limit after validation. */
export interface SourceLimitSettings {
  readonly perSecond: number
  readonly burst: number
  readonly maxSources: number
}

/** Holds networks to their limit: /24 of IPv4, /64 of IPv6. Times are of the monotonic clock, in milliseconds. */
export interface SourceLimiter {
  /** Seconds until the network of an address has a request left; 0 when it has one now. */
  readonly secondsToWait: (findAddress: () => string | undefined, nowMs: () => number) => number
  /** Counts a request that proved nothing. */
  readonly charge: (address: string | undefined, nowMs: number) => void
}

const LIMIT = optionTable('sourceLimit', {
  perSecond: number({ min: 1, default: 500 }),
  burst: number({ min: 1 }),
  maxSources: number({ min: 1, max: 1_000_000, default: 65_536 }),
})

/** Reads `sourceLimit`; `undefined` when it is off. */
export const sourceLimit: OptionReader<SourceLimitSettings | undefined> = custom((name, given = {}) => {
  if (given === 'off') return undefined
  const { perSecond, burst = 2 * perSecond, maxSources } = LIMIT.read(given as SourceLimit, `${name}.`)
  return { perSecond, burst, maxSources }
})

interface Bucket {
  left: number
  filledMs: number
}

/** One bucket for each network that sent something unproven lately; while no bucket is empty, requests cost nothing here. */
export function createSourceLimiter({ perSecond, burst, maxSources }: SourceLimitSettings): SourceLimiter {
  /** The network that was charged last stands last. */
  const buckets = new Map<string, Bucket>()
  const empty = new Set<string>()

  function refill(source: string, bucket: Bucket, nowMs: number): void {
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, nowMs - bucket.filledMs) / 1000) * perSecond)
    bucket.filledMs = nowMs
    if (bucket.left >= 1) empty.delete(source)
  }

  function forget(source: string): void {
    buckets.delete(source)
    empty.delete(source)
  }

  return {
    secondsToWait: (findAddress, nowMs) => {
      if (empty.size === 0) return 0
      const source = addressPrefix(findAddress())
      const bucket = empty.has(source) ? buckets.get(source) : undefined
      if (bucket === undefined) return 0
      refill(source, bucket, nowMs())
      return bucket.left >= 1 ? 0 : Math.max(1, Math.ceil((1 - bucket.left) / perSecond))
    },
    charge: (address, nowMs) => {
      const source = addressPrefix(address)
      const bucket = buckets.get(source) ?? { left: burst, filledMs: nowMs }
      refill(source, bucket, nowMs)
      bucket.left = Math.max(0, bucket.left - 1)
      buckets.delete(source)
      buckets.set(source, bucket)
      if (bucket.left < 1) empty.add(source)
      const [oldest] = buckets.size > maxSources ? buckets.keys() : []
      if (oldest !== undefined) forget(oldest)
    },
  }
}
