import { createHeaderFields, type HeaderField } from '@countermark/core'
import type { SignableRequest } from '@countermark/signature'
import { AgentFetchError } from './agent-fetch-error.ts'
import type { IsAllowedOrigin } from './allowed-origins.ts'
import { type BodyLimits, type OutgoingBody, readBody } from './outgoing-body.ts'
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
  /** Members of the caller's `init` that are the business of the `fetch` underneath, such as `dispatcher`. */
  readonly rest: Readonly<Record<string, unknown>>
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
  init: RequestInit,
  limits: RequestLimits,
): Promise<OutgoingRequest> {
  const base = isRequest(input) ? input : undefined
  const url = requireUrl(base === undefined ? String(input) : base.url, limits.isAllowedOrigin)
  const { method, headers, body, redirect, signal, duplex: _duplex, ...rest } = init
  if (body === undefined && base?.bodyUsed) {
    throw new AgentFetchError('request_invalid', 'the body of the request was read before')
  }
  const given = headerLines(headers ?? base?.headers, limits.ownFields)
  const abort = (signal === undefined ? base?.signal : signal) ?? undefined
  const outgoing = await untilAborted(readBody(body === undefined ? base?.body : body, limits), abort)
  return {
    method: normaliseMethod(method ?? base?.method ?? 'GET'),
    url,
    target: url.pathname + url.search,
    headers: withContentType(given, outgoing),
    body: outgoing,
    signal: abort,
    redirect: redirect ?? base?.redirect ?? 'follow',
    rest,
  }
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
  return typeof input === 'object' && 'headers' in input && 'url' in input
}
