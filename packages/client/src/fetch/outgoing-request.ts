import { createHeaderFields, type HeaderField, Misconfigured } from '@countermark/core'
import type { SignableRequest } from '@countermark/signature'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { untilAborted } from './limits.ts'
import { type BodyLimits, type OutgoingBody, readBody } from './outgoing-body.ts'

/** A request as it will be sent, before anything is signed. */
export interface OutgoingRequest {
  /** As it goes over the wire. */
  readonly method: string
  readonly url: URL
  /** The request-target: path and query in the bytes that go over the wire. */
  readonly target: string
  /** What the caller set, in lower case, one line a name. */
  readonly headers: readonly HeaderField[]
  readonly body: OutgoingBody | undefined
  readonly signal: AbortSignal | undefined
  readonly redirect: NonNullable<RequestInit['redirect']>
  /** What the caller gave that is the business of the `fetch` underneath, such as `dispatcher`. */
  readonly rest: Readonly<Record<string, unknown>>
  /** The caller's own `Request`, to be handed on where it may hold options that cannot be read from it. */
  readonly carrier: Request | undefined
}

/** What a request is checked against before it is read. */
interface RequestLimits extends BodyLimits {
  readonly isAllowedOrigin: IsAllowedOrigin
  /** Lower-case names of the fields that the signature brings. */
  readonly ownFields: ReadonlySet<string>
}

/**
 * Reads what a caller gave to `fetch`.
 * @throws AgentFetchError `request_invalid`, `origin_not_allowed`, `body_too_large`
 */
export async function readRequest(
  input: string | URL | Request,
  init: RequestInit | null | undefined,
  limits: RequestLimits,
): Promise<OutgoingRequest> {
  const base = isRequest(input) ? input : undefined
  const url = requireUrl(base === undefined ? String(input) : base.url, limits.isAllowedOrigin)
  const { method, headers, body, redirect, signal, duplex: _duplex, ...rest } = requireInit(init)
  // As `fetch` has it: a body of null beside a Request does not take the body of that away.
  const content: unknown = body ?? base?.body
  if (content === base?.body && base?.bodyUsed === true) {
    throw new AgentFetchError('request_invalid', 'the body of the request was read before')
  }
  const given = headerLines(headers ?? base?.headers, limits.ownFields)
  const abort = deriveSignal((signal === undefined ? base?.signal : signal) ?? undefined)
  const outgoing = await untilAborted(readBody(content, limits), abort)
  return {
    method: normaliseMethod(method ?? base?.method ?? 'GET'),
    url,
    target: url.pathname + url.search,
    headers: withContentType(given, outgoing),
    body: outgoing,
    signal: abort,
    redirect: redirect ?? base?.redirect ?? 'follow',
    rest: base === undefined ? rest : { ...optionsIn(base), ...rest },
    carrier: base !== undefined && hidesOptions(base) ? base : undefined,
  }
}

const REDIRECT_MODES: ReadonlySet<unknown> = new Set([undefined, null, 'follow', 'error', 'manual'])

function requireInit(init: RequestInit | null | undefined): RequestInit {
  if (init === undefined || init === null) return {}
  if (typeof init !== 'object') throw new AgentFetchError('request_invalid', 'the options must be an object')
  if (REDIRECT_MODES.has(init.redirect)) return init
  throw new AgentFetchError('request_invalid', 'redirect must be follow, error or manual')
}

/**
 * One of our own for each request: what listens to it, here and in the `fetch` underneath, goes with the request. A signal
 * that thousands of requests share gets no listeners of theirs, and no warning that it has too many.
 */
function deriveSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || isForeignSignal(signal)) return signal
  if (signal instanceof AbortSignal) return AbortSignal.any([signal])
  throw new AgentFetchError('request_invalid', 'signal must be an AbortSignal')
}

/** One of a package, for a `fetch` that takes it. */
function isForeignSignal(signal: object): boolean {
  return !(signal instanceof AbortSignal) && 'addEventListener' in signal
}

/**
 * Parses a URL that may be asked.
 * @throws AgentFetchError `request_invalid`, `origin_not_allowed`
 */
export function requireUrl(text: string, isAllowedOrigin: IsAllowedOrigin, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new AgentFetchError('request_invalid', 'the URL must be absolute')
  const url = new URL(text, base)
  if (!isAllowedOrigin(url)) {
    throw new AgentFetchError('origin_not_allowed', 'the URL leads to none of the allowed origins')
  }
  if (url.username !== '' || url.password !== '') {
    throw new AgentFetchError('request_invalid', 'the URL must not carry credentials')
  }
  return url
}

/** A request as a signature sees it, with all fields that are sent. */
export function toSignable({ method, url, target }: OutgoingRequest, lines: readonly HeaderField[]): SignableRequest {
  const scheme = url.protocol === 'http:' ? 'http' : 'https'
  return { method, scheme, authority: url.host, target, headers: createHeaderFields(lines.flat()) }
}

/** The methods that `fetch` writes in capitals; all others go out as they are. */
function normaliseMethod(method: string): string {
  return /^(?:delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

function headerLines(given: RequestInit['headers'], ownFields: ReadonlySet<string>): readonly HeaderField[] {
  const lines = [...readHeaders(given)]
  const own = lines.find(([name]) => ownFields.has(name))
  if (own !== undefined) throw new AgentFetchError('request_invalid', `${own[0]} is set by the agent's fetch`)
  // `fetch` derives Host from the URL and drops any other.
  return lines.filter(([name]) => name !== 'host')
}

function readHeaders(given: RequestInit['headers']): Headers {
  try {
    return new Headers(given)
  } catch {
    // The original error repeats the value, which may be a token.
    throw new AgentFetchError('request_invalid', 'a header field has a name or a value that HTTP does not allow')
  }
}

function withContentType(headers: readonly HeaderField[], body: OutgoingBody | undefined): readonly HeaderField[] {
  if (body?.contentType === undefined || headers.some(([name]) => name === 'content-type')) return headers
  return [...headers, ['content-type', body.contentType]]
}

function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && input !== null && 'headers' in input && 'url' in input
}

/** Options that a `Request` tells of, with what they are when nothing was said. */
const TOLD: Readonly<Record<string, unknown>> = {
  cache: 'default',
  credentials: 'same-origin',
  integrity: '',
  keepalive: false,
  mode: 'cors',
  referrer: 'about:client',
  referrerPolicy: '',
}

/** Options that node-fetch keeps in its own `Request`: which way a request takes, and how much is read. */
const OF_NODE_FETCH = ['agent', 'compress', 'highWaterMark', 'insecureHTTPParser', 'size', 'timeout']

/** Options inside a `Request` that are the business of the `fetch` underneath, such as `integrity` or a `dispatcher`. */
function optionsIn(request: Request): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {}
  for (const [name, usual] of Object.entries(TOLD)) {
    const value: unknown = Reflect.get(request, name)
    if (value !== undefined && value !== usual) options[name] = value
  }
  for (const name of OF_NODE_FETCH) {
    const value: unknown = Reflect.get(request, name)
    if (value !== undefined) options[name] = value
  }
  const dispatcher = dispatcherIn(request)
  return dispatcher === undefined ? options : { ...options, dispatcher }
}

/** undici up to version 6, which is in Node 20 and 22, keeps it under a symbol of its own. */
function dispatcherIn(request: Request): unknown {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'dispatcher')
  return symbol === undefined ? undefined : Reflect.get(request, symbol)
}

/** Whether a `Request` may hold a `dispatcher` that only its own library sees, as those of undici from version 7 on may. */
function hidesOptions(request: Request): boolean {
  return Reflect.ownKeys(request).length === 0
}

/** Whether a URL's origin may get signatures and credentials. */
export type IsAllowedOrigin = (url: URL) => boolean

const HTTP = /^https?:$/

/**
 * Compiles a list of origins such as `https://api.example.com`.
 * @throws Misconfigured `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function compileOrigins(origins: unknown): IsAllowedOrigin {
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      "origins must list who may get signatures and credentials, such as ['https://api.example.com']",
    )
  }
  const allowed = new Set(origins.map(requireOrigin))
  // A `blob:` URL has the origin of the URL inside it, and no host of its own.
  return (url) => HTTP.test(url.protocol) && allowed.has(url.origin)
}

function requireOrigin(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isBare = url !== undefined && HTTP.test(url.protocol) && url.href === `${url.origin}/`
  if (isBare) return url.origin
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of origins must be scheme, host and port alone, such as https://api.example.com',
  )
}
