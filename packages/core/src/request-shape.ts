import type { AgentRequest } from './agent-request.ts'
import type { HeaderFields } from './header-fields.ts'
import { Refusal } from './refusal.ts'

const ORIGIN_FORM = /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/

/**
 * Refuses what different parsers read differently, before anything is believed: too many fields, doubled or aliased
 * security fields, targets that are not in origin-form.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`
 */
export function checkRequestShape(request: AgentRequest, maxHeaderFields: number): void {
  const { headers, target, method } = request
  if (!(headers.count <= maxHeaderFields)) {
    throw new Refusal('headers_too_large', `at most ${maxHeaderFields} header fields are accepted`)
  }
  checkNames(headers)
  if (!ORIGIN_FORM.test(target) && !(target === '*' && method === 'OPTIONS')) {
    throw new Refusal('request_malformed', 'the request-target must be in origin-form, such as /orders?limit=10')
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

function checkNames({ doubled, aliased }: HeaderFields): void {
  if (doubled !== undefined) throw new Refusal('request_malformed', `${doubled} must occur once`)
  if (aliased === true) throw new Refusal('request_malformed', 'a security header is spelt with an underscore')
}
