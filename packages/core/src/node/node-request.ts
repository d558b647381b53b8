import type { IncomingMessage } from 'node:http'
import type { AgentRequest, RouteInfo } from '../agent-request.ts'
import type { GuardSettings } from '../guard-options.ts'
import { createHeaderFields, type HeaderFields } from '../header-fields.ts'
import { createClientAddress, type FindClientAddress } from './client-address.ts'
import { createHeldBodies } from './held-bodies.ts'
import { http2StreamOf } from './http2-message.ts'
import { type BodyLimits, createRawBody } from './raw-body.ts'
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
  const reading: Reading = {
    originOf: settings.originOf,
    findClientAddress: createClientAddress(settings.trustedProxies),
    strippedPrefix: settings.strippedPrefix,
    limits: { maxBytes: settings.maxBodyBytes, heldBodies: createHeldBodies(settings.maxHeldBytes) },
  }
  return (input) => new NodeRequest(input, reading)
}

/** What a guard factory reads requests by. */
interface Reading {
  readonly originOf: GuardSettings['originOf']
  readonly findClientAddress: FindClientAddress
  readonly strippedPrefix: string
  readonly limits: BodyLimits
}

/**
 * A class, because the address is a getter: in an object literal that makes V8 a hidden class for each request, which lies
 * among the old objects and keeps the request alive, with all it leads to, until they are collected.
 */
class NodeRequest implements AgentRequest {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: string | undefined
  readonly scheme: AgentRequest['scheme']
  readonly authority: string
  readonly headers: HeaderFields
  readonly hasBody: boolean
  readonly contentLength: number | undefined
  readonly body: AgentRequest['body']
  readonly route: AgentRequest['route']
  readonly raw: IncomingMessage
  readonly #findClientAddress: FindClientAddress

  constructor({ message, originalUrl, route }: NodeRequestInput, reading: Reading) {
    const headers = completeFields(message)
    // What a gateway took off is what the agent signed. `*` and absolute forms stay what they are: refused as such.
    const target = originalUrl.startsWith('/') ? reading.strippedPrefix + originalUrl : originalUrl
    const queryStart = target.indexOf('?')
    const origin = reading.originOf(hostOf(message, headers.lines('host')))
    const declaredLength = headers.only('content-length')
    const contentLength = declaredLength === undefined ? undefined : Number(declaredLength)
    const hasBody = hasContent(message, headers, contentLength)
    this.method = message.method ?? ''
    this.target = target
    this.path = queryStart < 0 ? target : target.slice(0, queryStart)
    this.query = queryStart < 0 ? undefined : target.slice(queryStart)
    this.scheme = origin?.scheme ?? 'https'
    this.authority = origin?.authority ?? ''
    this.headers = headers
    this.hasBody = hasBody
    this.contentLength = contentLength
    this.body = hasBody ? createRawBody(message, hasBody, reading.limits).bytes : NO_BODY
    this.route = route
    this.raw = message
    this.#findClientAddress = reading.findClientAddress
  }

  get remoteAddress(): string | undefined {
    return this.#findClientAddress(this.raw.socket.remoteAddress, this.headers)
  }
}

const EMPTY = new Uint8Array(0)
const NO_BODY = (): Uint8Array => EMPTY

/**
 * Beyond its own limit Node's HTTP/1 drops fields without a word, though it obeys those that frame content. Where it may
 * have, there are more of them than anybody accepts.
 */
function completeFields({ rawHeaders, socket, httpVersionMajor }: IncomingMessage): HeaderFields {
  if (httpVersionMajor >= 2 || !('server' in socket)) return createHeaderFields(rawHeaders)
  const most = mostFieldsOf(socket.server)
  return createHeaderFields(rawHeaders, most > 0 && rawHeaders.length >= 2 * most)
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
