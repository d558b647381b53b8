import { createHeaderFields, type HeaderField } from '@countermark/core'
import type { SignableRequest } from '@countermark/signature'
import { AgentFetchError } from './agent-fetch-error.ts'
import type { IsAllowedOrigin } from './allowed-origins.ts'
import { type BodyLimits, type OutgoingBody, readBody } from './outgoing-body.ts'
import { hidesOptions, optionsIn } from './request-options.ts'
import { untilAborted } from './until-aborted.ts'

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
export interface RequestLimits extends BodyLimits {
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
