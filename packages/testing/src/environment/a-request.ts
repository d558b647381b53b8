import { type AgentRequest, createHeaderFields } from '@countermark/core'
import type { RouteInfo } from '@countermark/core/internal'
import { type RequestInput, toPlainRequest } from '../agent/request-to-sign.ts'

/** A request as a check sees it, written down. A `SignedRequest` fits. */
export interface AgentRequestInput extends RequestInput {
  readonly headerLines?: RequestInput['headers']
  /** @default '192.0.2.1' */
  readonly remoteAddress?: string
  readonly route?: RouteInfo
  /** The identity of the request. @default a new object */
  readonly raw?: object
}

const NOTHING = new Uint8Array()
const NO_ROUTE: RouteInfo = { template: undefined, parameters: {} }

/** Builds an {@link AgentRequest} from plain values. */
export function aRequest(input: AgentRequestInput = {}): AgentRequest {
  const { headerLines = input.headers, remoteAddress = '192.0.2.1', route = NO_ROUTE, raw = {} } = input
  const plain = toPlainRequest(headerLines === undefined ? input : { ...input, headers: headerLines })
  const { method, scheme, authority, target, body = NOTHING } = plain
  const queryStart = target.indexOf('?')
  const headers = createHeaderFields(plain.headerLines.flat())
  return {
    method,
    target,
    path: queryStart === -1 ? target : target.slice(0, queryStart),
    query: queryStart === -1 ? undefined : target.slice(queryStart),
    scheme,
    authority,
    headers,
    remoteAddress,
    hasBody: body.length > 0 || headers.has('transfer-encoding'),
    contentLength: headers.has('transfer-encoding') || plain.body === undefined ? undefined : body.length,
    body: () => body,
    route: () => route,
    raw,
  }
}
