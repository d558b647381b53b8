import type { AgentRequest } from './agent-request.ts'
import type { HeaderFields } from './header-fields.ts'
import { Refusal } from './refusal.ts'

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

const ORIGIN_FORM = /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/

/**
 * Refuses what different parsers read differently, before anything is believed: too many fields, doubled or aliased
 * security fields, targets that are not in origin-form, hosts that are not ours.
 * @throws {@link Refusal} `headers_too_large`, `request_malformed`, `authority_mismatch`
 */
export function checkRequestShape(request: AgentRequest, maxHeaderFields: number): void {
  const { headers, target, method, authority } = request
  if (!(headers.count <= maxHeaderFields)) {
    throw new Refusal('headers_too_large', `at most ${maxHeaderFields} header fields are accepted`)
  }
  checkNames(headers)
  if (!ORIGIN_FORM.test(target) && !(target === '*' && method === 'OPTIONS')) {
    throw new Refusal('request_malformed', 'the request-target must be in origin-form, such as /orders?limit=10')
  }
  if (authority !== '') return
  // HTTP/2 names the host in `:authority` instead (RFC 9113 section 8.3.1).
  if (!headers.has('host'))
    throw new Refusal('request_malformed', 'Host is required; in HTTP/2 a configured :authority does as well')
  throw new Refusal('authority_mismatch', 'Host must be one of the configured authorities, port included', {
    diagnosis: { received: headers.lines('host') },
  })
}

function checkNames(headers: HeaderFields): void {
  for (const name of headers.names()) {
    if (AT_MOST_ONCE.has(name) || KEPT_ONCE.has(name)) {
      if (headers.only(name) === undefined) throw new Refusal('request_malformed', `${name} must occur once`)
    } else if (name.includes('_') && WITHOUT_ALIAS.has(name.replaceAll('_', '-'))) {
      throw new Refusal('request_malformed', 'a security header is spelt with an underscore')
    }
  }
}
