import type { IncomingMessage } from 'node:http'
import type { AgentRequest, RouteInfo } from '../agent-request.ts'
import type { GuardSettings } from '../guard-options.ts'
import type { HeaderFields } from '../header-fields.ts'
import { isThenable } from '../internal/then.ts'
import { createClientAddress, type FindClientAddress } from './client-address.ts'
import { contentFollows } from './content-follows.ts'
import { createHeldBodies } from './held-bodies.ts'
import { findKeptBody } from './kept-body.ts'
import { type BodyReading, readRawBody } from './raw-body.ts'
import { hostOf } from './request-host.ts'
import { sentFields } from './sent-fields.ts'
import { sentTarget, watchTargets } from './sent-target.ts'

/** What a framework knows better than the message. */
export interface NodeRequestInput {
  readonly message: IncomingMessage
  /** The request-target before any mount or router of the framework rewrote `url`. */
  readonly originalUrl: string
  readonly route: () => RouteInfo
}

/** Translates messages of node:http (and the compatibility API of node:http2). Decides nothing. */
export type ToAgentRequest = (input: NodeRequestInput) => AgentRequest | Promise<AgentRequest>

const MOST_UNPROVEN = 512

/** Prepares the translation for one guard factory. */
export function createNodeRequests(settings: GuardSettings): ToAgentRequest {
  watchTargets()
  const { maxBodyBytes, maxHeldBytes, maxBodySeconds, rawBody } = settings
  const { originOf, trustedProxies, strippedPrefix } = settings
  const held = { maxBytes: maxHeldBytes, maxUnproven: MOST_UNPROVEN, maxSeconds: maxBodySeconds }
  const reading: Reading = {
    originOf,
    findClientAddress: createClientAddress(trustedProxies),
    strippedPrefix,
    body: {
      maxBytes: maxBodyBytes,
      maxSeconds: maxBodySeconds,
      heldBodies: createHeldBodies(held),
      findKept: findKeptBody(rawBody),
    },
  }
  return (input) => {
    const headers = sentFields(input.message)
    const hasBody = contentFollows(input.message, headers, reading.body)
    if (isThenable(hasBody)) return hasBody.then((found) => new NodeRequest(input, headers, found, reading))
    return new NodeRequest(input, headers, hasBody, reading)
  }
}

/** What a guard factory reads requests by. */
interface Reading {
  readonly originOf: GuardSettings['originOf']
  readonly findClientAddress: FindClientAddress
  readonly strippedPrefix: string
  readonly body: BodyReading
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

  constructor(
    { message, originalUrl, route }: NodeRequestInput,
    headers: HeaderFields,
    hasBody: boolean,
    reading: Reading,
  ) {
    const sent = sentTarget(message, originalUrl)
    // What a gateway took off is what the agent signed. `*` and absolute forms stay what they are: refused as such.
    const target = sent.startsWith('/') ? reading.strippedPrefix + sent : sent
    const queryStart = target.indexOf('?')
    const origin = reading.originOf(hostOf(message, headers.lines('host')))
    const declaredLength = headers.only('content-length')
    this.method = message.method ?? ''
    this.target = target
    this.path = queryStart < 0 ? target : target.slice(0, queryStart)
    this.query = queryStart < 0 ? undefined : target.slice(queryStart)
    this.scheme = origin?.scheme ?? 'https'
    this.authority = origin?.authority ?? ''
    this.headers = headers
    this.hasBody = hasBody
    this.contentLength = declaredLength === undefined ? undefined : Number(declaredLength)
    this.body = hasBody ? (caller) => readRawBody(message, caller === 'proven', reading.body) : NO_BODY
    this.route = route
    this.raw = message
    this.#findClientAddress = reading.findClientAddress
  }

  get remoteAddress(): string | undefined {
    const { socket }: { readonly socket?: { readonly remoteAddress?: string | undefined } } = this.raw
    return this.#findClientAddress(socket?.remoteAddress, this.headers)
  }
}

const EMPTY = new Uint8Array(0)
const NO_BODY = (): Uint8Array => EMPTY
