import type { IncomingMessage } from 'node:http'
import type { AgentRequest, RouteInfo } from '../agent-request.ts'
import type { GuardSettings } from '../guard-options.ts'
import { createHeaderFields, type HeaderFields } from '../header-fields.ts'
import { createClientAddress } from './client-address.ts'
import { createHeldBodies } from './held-bodies.ts'
import { http2StreamOf } from './http2-message.ts'
import { createRawBody } from './raw-body.ts'
import { hostOf } from './request-host.ts'

/** What a framework knows better than the message. */
export interface NodeRequestInput {
  readonly message: IncomingMessage
  /** The request-target before any mount or router rewrote `url`. */
  readonly originalUrl: string
  readonly route: () => RouteInfo
}

/** Translates messages of node:http (and the compatibility API of node:http2). Decides nothing. */
export type ToAgentRequest = (input: NodeRequestInput) => AgentRequest

/** Prepares the translation for one guard factory. */
export function createNodeRequests(settings: GuardSettings): ToAgentRequest {
  const findClientAddress = createClientAddress(settings.trustedProxies)
  const limits = { maxBytes: settings.maxBodyBytes, heldBodies: createHeldBodies(settings.maxHeldBytes) }
  return ({ message, originalUrl, route }) => {
    const headers = completeFields(message)
    const target = originalUrl
    const queryStart = target.indexOf('?')
    const origin = settings.originOf(hostOf(message, headers.lines('host')))
    const declaredLength = headers.only('content-length')
    const contentLength = declaredLength === undefined ? undefined : Number(declaredLength)
    const hasBody = hasContent(message, headers, contentLength)
    const body = createRawBody(message, hasBody, limits)
    return {
      method: message.method ?? '',
      target,
      path: queryStart < 0 ? target : target.slice(0, queryStart),
      query: queryStart < 0 ? undefined : target.slice(queryStart),
      scheme: origin?.scheme ?? 'https',
      authority: origin?.authority ?? '',
      headers,
      get remoteAddress() {
        return findClientAddress(message.socket.remoteAddress, headers)
      },
      hasBody,
      contentLength,
      body: body.bytes,
      route,
      raw: message,
    }
  }
}

/**
 * Beyond its own limit Node's HTTP/1 drops fields without a word, though it obeys those that frame content. Where it may
 * have, there are more of them than anybody accepts.
 */
function completeFields({ rawHeaders, socket, httpVersionMajor }: IncomingMessage): HeaderFields {
  const fields = createHeaderFields(rawHeaders)
  if (httpVersionMajor >= 2 || !('server' in socket)) return fields
  const most = mostFieldsOf(socket.server)
  return most > 0 && rawHeaders.length >= 2 * most ? { ...fields, count: Number.POSITIVE_INFINITY } : fields
}

/** 0 stands for no limit, or for Node's default, which is above ours. */
function mostFieldsOf(server: unknown): number {
  const { maxHeadersCount }: { readonly maxHeadersCount?: unknown } = Object(server)
  return typeof maxHeadersCount === 'number' ? maxHeadersCount : 0
}

/** HTTP/1 frames content by its header fields (RFC 9112 section 6); HTTP/2 by the end of the stream. */
function hasContent(message: IncomingMessage, headers: HeaderFields, contentLength: number | undefined): boolean {
  const stream = http2StreamOf(message)
  if (stream !== undefined) return !stream.endAfterHeaders
  return headers.has('transfer-encoding') || (contentLength ?? 0) > 0
}
