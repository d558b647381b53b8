import type { AgentRequest } from './agent-request.ts'
import { Refusal } from './refusal.ts'

/** Fields of which a second line would leave it to chance which one is believed. */
const AT_MOST_ONCE = [
  'agent-auth-version',
  'agent-delegation',
  'agent-id',
  'authorization',
  'content-type',
  'dpop',
  'host',
  'idempotency-key',
  'key-id',
  'nonce',
  'timestamp',
  'txn-token',
  'workload-identity-token',
]

/** Fields that somebody behind us might find under `_` as well (CVE-2025-64484). */
const WITHOUT_ALIAS: ReadonlySet<string> = new Set([
  ...AT_MOST_ONCE,
  'content-digest',
  'signature',
  'signature-agent',
  'signature-input',
  'x-forwarded-for',
  'x-forwarded-host',
])

const ORIGIN_FORM = /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/

/**
 * Refuses what different parsers read differently, before anything is believed: too many fields, doubled or aliased
 * security fields, targets that are not in origin-form, hosts that are not ours.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`, `authority_mismatch`
 */
export function checkRequestShape(request: AgentRequest, maxHeaderFields: number): void {
  const { headers, target, method } = request
  if (headers.count > maxHeaderFields) {
    throw new Refusal('headers_too_large', `at most ${maxHeaderFields} header fields are accepted`)
  }
  for (const name of AT_MOST_ONCE) {
    if (headers.lines(name).length > 1) throw new Refusal('request_malformed', `${name} must occur once`)
  }
  for (const name of headers.names()) {
    if (name.includes('_') && WITHOUT_ALIAS.has(name.replaceAll('_', '-'))) {
      throw new Refusal('request_malformed', 'a security header is spelt with an underscore')
    }
  }
  if (!ORIGIN_FORM.test(target) && !(target === '*' && method === 'OPTIONS')) {
    throw new Refusal('request_malformed', 'the request-target must be in origin-form, such as /orders?limit=10')
  }
  // HTTP/2 names the host in `:authority` instead (RFC 9113 section 8.3.1).
  if (!headers.has('host') && request.authority === '') throw new Refusal('request_malformed', 'Host is required')
  if (request.authority === '') throw new Refusal('authority_mismatch', 'Host names none of the configured authorities')
}
