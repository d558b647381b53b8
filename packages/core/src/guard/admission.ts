import { findNameFault, type HeaderFields } from '../header-fields.ts'
import { Refusal } from '../refusal/refusal.ts'
import { type AgentRequest, findUncoveredOverride, hasDotSegment } from '../request.ts'
import type { GuardSettings } from './options.ts'
import type { Run } from './state.ts'

/** RFC 9112 section 3.2.1. A backslash is a separator to some readers of a path, and a character like others in a query. */
const ORIGIN_FORM = /^\/(?!\/)[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*(?:\?[\x21\x22\x24-\x7e]*)?$/

/**
 * Judges a request before any check; `true` when it passes without one.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`, `authority_mismatch`
 */
export function isLeftOpen({ state, context }: Run): boolean {
  const { request } = state
  const { settings, guardedFields } = context
  if (!state.shapeChecked) requireShape(request, settings.maxHeaderFields)
  // Before the host is judged: probes name the address of one server, or nothing.
  if (isOpenPath(request, settings) && !isOverridden(request, settings)) return true
  if (request.authority === '') throw unknownHost(request)
  state.shapeChecked = true
  if (guardedFields.length > 0) requireSingle(request, guardedFields)
  return settings.corsPreflight && isPreflight(request) && !isOverridden(request, settings)
}

/**
 * Refuses what different parsers read differently, before anything is believed: too many fields, doubled or aliased
 * security fields, content framed in two ways, targets that are not in origin-form.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`
 */
function requireShape(request: AgentRequest, maxHeaderFields: number): void {
  const { headers, target, method } = request
  if (!(headers.count <= maxHeaderFields)) {
    throw new Refusal('headers_too_large', `at most ${maxHeaderFields} header fields are accepted`)
  }
  const fault = findNameFault(headers)
  if (fault !== undefined) throw new Refusal('request_malformed', fault)
  if (headers.has('transfer-encoding')) requireChunked(headers)
  if (!ORIGIN_FORM.test(target) && !(target === '*' && method === 'OPTIONS')) {
    throw new Refusal('request_malformed', 'the request-target must be in origin-form, such as /orders?limit=10')
  }
}

/**
 * Refuses fields of credentials that occur twice or under another spelling, where the table of field names does not know them.
 * @throws {@link Refusal} `request_malformed`
 */
function requireSingle({ headers }: AgentRequest, fields: readonly string[]): void {
  for (const name of fields) {
    const alias = name.replaceAll('-', '_')
    if (headers.lines(name).length <= 1 && (alias === name || !headers.has(alias))) continue
    throw new Refusal('request_malformed', `${name} must occur once`)
  }
}

/** Why a request without one of our origins is refused. */
function unknownHost({ headers }: AgentRequest): Refusal {
  // HTTP/2 names the host in `:authority` instead (RFC 9113 section 8.3.1).
  if (!headers.has('host'))
    return new Refusal('request_malformed', 'Host is required; in HTTP/2 a configured :authority does as well')
  return new Refusal('authority_mismatch', 'Host must be one of the configured origins, port included', {
    diagnosis: { received: headers.lines('host') },
  })
}

/**
 * Node's lenient parser lets pass what its strict one refuses (RFC 9112 section 6.1): two ways of framing, of which a proxy in
 * front may have gone by the other one, and codings other than `chunked`.
 */
function requireChunked(headers: HeaderFields): void {
  const isChunked = headers.only('transfer-encoding')?.trim().toLowerCase() === 'chunked'
  if (isChunked && !headers.has('content-length')) return
  throw new Refusal('request_malformed', 'content must be framed by Content-Length or by Transfer-Encoding: chunked')
}

/** Whether a request is left open by its path, as the application receives it. */
function isOpenPath({ method, path: sent, hasBody }: AgentRequest, settings: GuardSettings): boolean {
  const { openPaths, openPrefixes, openMethods, strippedPrefix } = settings
  if (!openMethods.has(method) || (hasBody && (method === 'GET' || method === 'HEAD'))) return false
  const path = sent.slice(strippedPrefix.length)
  if (openPaths.has(path)) return true
  return openPrefixes.some((prefix) => path.startsWith(prefix)) && !hasDotSegment(path) && !path.includes('//')
}

/** What neither presents a credential nor could use one (Fetch standard, CORS-preflight). */
function isPreflight({ method, headers, hasBody }: AgentRequest): boolean {
  const isAsked = method === 'OPTIONS' && !hasBody
  return isAsked && headers.has('origin') && headers.has('access-control-request-method')
}

/** Open is a method by name: one that a framework behind makes another of is none of those. */
function isOverridden(request: AgentRequest, { methodOverride }: GuardSettings): boolean {
  return methodOverride !== 'ignored' && findUncoveredOverride(request, undefined) !== undefined
}
