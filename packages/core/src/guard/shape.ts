import { findNameFault, type HeaderFields } from '../header-fields.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { AgentRequest } from '../request.ts'

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
