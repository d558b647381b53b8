import { isSafeMethod } from '@countermark/core/internal'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { CREDENTIAL_FIELDS } from '../forms/signing-form.ts'
import { type IsAllowedOrigin, type OutgoingRequest, requireUrl } from './outgoing-request.ts'

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const ABOUT_CONTENT: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
])
const FOR_ONE_ORIGIN: ReadonlySet<string> = new Set([
  ...CREDENTIAL_FIELDS,
  'approval-ticket',
  'cookie',
  'cookie2',
  'proxy-authorization',
])
/** Words in names of fields whose value is a secret between two: `X-API-Key`, `PRIVATE-TOKEN`, `X-Vault-Token`. */
const SECRET_WORD =
  /(?:^|[-_.])(?:api-?key|access-?key|key|tokens?|secrets?|passw(?:or)?d|passphrase|auth|authorization|credentials?|cookie|session|sid|jwt|assertion|csrf|xsrf|signature|ticket)(?:$|[-_.])/
const WITHOUT_SECRET: ReadonlySet<string> = new Set(['idempotency-key'])

/**
 * The request that a response sends us on to, as `fetch` would make it: GET after a 303 and after a POST that moved.
 * Fields that are credentials stay behind when the origin changes. A request that changes something does not go there at
 * all, as its signature would confirm an order that only the first origin gave: only a 303 says that it was carried out and
 * that something is to be read. `undefined` when the response is no redirect or the caller wants to see it.
 * @throws AgentFetchError `redirect_refused`, `origin_not_allowed`, `request_invalid`
 */
export function redirectedRequest(
  request: OutgoingRequest,
  response: Response,
  isAllowedOrigin: IsAllowedOrigin,
): OutgoingRequest | undefined {
  const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
  if (location === null || request.redirect === 'manual') return undefined
  if (request.redirect === 'error') {
    throw new AgentFetchError('redirect_refused', 'the request was redirected, which it must not be', { response })
  }
  const url = requireUrl(decodeLocation(location), isAllowedOrigin, request.url)
  const kept = losesContent(request.method, response.status) ? withoutContent(request) : request
  const sameOrigin = url.origin === request.url.origin
  if (!sameOrigin && !isSafeMethod(response.status === 303 ? kept.method : request.method)) {
    throw new AgentFetchError('redirect_refused', 'only a request that reads is carried on to another origin', {
      response,
    })
  }
  return {
    ...kept,
    url,
    target: url.pathname + url.search,
    headers: sameOrigin ? kept.headers : kept.headers.filter(([name]) => !isForOneOrigin(name)),
  }
}

/** `fetch` hands out header fields byte by byte; `Location` is UTF-8 to it, to browsers and to curl. */
function decodeLocation(location: string): string {
  const isBytes = /[\x80-\xff]/.test(location) && !/[\u0100-\uffff]/.test(location)
  return isBytes ? Buffer.from(location, 'latin1').toString('utf8') : location
}

function isForOneOrigin(name: string): boolean {
  return FOR_ONE_ORIGIN.has(name) || (SECRET_WORD.test(name) && !WITHOUT_SECRET.has(name))
}

/** RFC 9110 section 15.4, as browsers read it. */
function losesContent(method: string, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

function withoutContent(request: OutgoingRequest): OutgoingRequest {
  return {
    ...request,
    method: 'GET',
    body: undefined,
    headers: request.headers.filter(([name]) => !ABOUT_CONTENT.has(name)),
  }
}
