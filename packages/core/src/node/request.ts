import { channel, subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { GuardSettings } from '../guard/options.ts'
import type { FindOrigin, Origin } from '../guard/origins.ts'
import type { HeaderFields } from '../header-fields.ts'
import { canonicalAddress, type IpNetworks, tryParseNetworks } from '../internal/ip.ts'
import { isThenable } from '../internal/then.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { AgentRequest, RouteInfo } from '../request.ts'
import { type BodyReading, findKeptBody, readRawBody } from './body.ts'
import { findContent } from './content.ts'
import { HeldBodies } from './held-bodies.ts'
import { http2StreamOf, isContentFramed, sentFields } from './host.ts'

/** What a framework knows better than the message. */
export interface NodeRequestInput {
  /** The message of Node. */
  readonly message: IncomingMessage
  /** The request-target before any mount or router of the framework rewrote `url`. */
  readonly originalUrl: string
  /** What the router knows of the route, when it is asked. */
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
      heldBodies: new HeldBodies(held),
      findKept: findKeptBody(rawBody),
    },
  }
  return (input) => {
    const headers = sentFields(input.message)
    const hasBody = isContentFramed(input.message, headers) ?? findContent(input.message, headers, reading.body)
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
  /** What the router knows of the route. */
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

/**
 * The host a request names; '' when it names none or several. HTTP/2 has `:authority` (RFC 9113
 * section 8.3.1), which must agree with Host where both are there.
 */
export function hostOf(
  { httpVersionMajor, authority }: IncomingMessage & { readonly authority?: unknown },
  hosts: readonly string[],
): string {
  const pseudo = httpVersionMajor >= 2 && typeof authority === 'string' ? authority : undefined
  if (pseudo === undefined) return hosts.length === 1 ? (hosts[0] as string) : ''
  return hosts.every((host) => host.toLowerCase() === pseudo.toLowerCase()) ? pseudo : ''
}

/** Which of our origins a message is addressed to, for what is answered in front of a guard; `undefined`: none of them. */
export function originOf(message: IncomingMessage, findOrigin: FindOrigin): Origin | undefined {
  return findOrigin(hostOf(message, sentFields(message).lines('host')))
}

// Kept on the message itself, so that two copies of this package (ESM and CommonJS) share it.
const SENT: unique symbol = Symbol.for('countermark.sentTarget')
const WATCHED: unique symbol = Symbol.for('countermark.sentTarget.watched')

type MountedMessage = IncomingMessage & { [SENT]?: unknown; readonly originalUrl?: unknown }

const STARTED = 'http.server.request.start'

/**
 * Notes the target of each request before anything changes it: a mount of Koa, and a handler around an application, write what
 * is left of it into `url` and keep nothing. Once for a process, and the mark is on the channel: Node has one, however many
 * copies of this module there are.
 */
export function watchTargets(): void {
  const started: object & { [WATCHED]?: true } = channel(STARTED)
  if (started[WATCHED] === true) return
  started[WATCHED] = true
  subscribe(STARTED, noteTarget)
}

function noteTarget(event: unknown): void {
  const { request }: { readonly request?: MountedMessage } = Object(event)
  if (request !== undefined) request[SENT] = request.url
}

/**
 * The request-target as it was sent. `known` is the framework's: what was left when it saw the request first, where Node tells
 * of no request that began (serverless hosts, mocks).
 */
export function sentTarget(message: MountedMessage, known: string): string {
  const sent = http2StreamOf(message) === undefined ? message[SENT] : pseudoPath(message)
  if (typeof sent === 'string') return sent
  return typeof message.originalUrl === 'string' ? message.originalUrl : known
}

/** In HTTP/2 `url` is a view of `:path`, which the list of raw fields keeps. */
function pseudoPath({ rawHeaders }: IncomingMessage): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index] === ':path') return rawHeaders[index + 1]
  return undefined
}

/** Finds the caller's address from the socket's and what trusted proxies add. */
export type FindClientAddress = (socketAddress: string | undefined, headers: HeaderFields) => string | undefined

/**
 * Walks X-Forwarded-For from the right for as long as the hop that wrote an entry is one of `trustedProxies` (CIDR or
 * single addresses). An entry that is no IP address ends in `undefined`, never in the client's word.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createClientAddress(trustedProxies: readonly string[]): FindClientAddress {
  if (trustedProxies.length === 0) return (socketAddress) => canonicalAddress(socketAddress ?? '')
  const trusted = requireNetworks(trustedProxies)
  return (socketAddress, headers) => {
    let address = canonicalAddress(socketAddress ?? '')
    const hops = headers.lines('x-forwarded-for').join(',').split(',')
    while (address !== undefined && hops.length > 0 && trusted.contains(address)) {
      const hop = hops.pop()?.trim() ?? ''
      if (hop === '' && hops.length === 0) return address
      address = canonicalAddress(hop)
    }
    return address
  }
}

function requireNetworks(texts: readonly string[]): IpNetworks {
  const networks = tryParseNetworks(texts)
  if (networks !== undefined) return networks
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of trustedProxies must be an address or a network such as 10.0.0.0/8',
  )
}

/** Finds the client's address of a message as {@link createNodeRequests} does, for what needs nothing else of it. @throws {@link Misconfigured} */
export function createMessageAddress(
  trustedProxies: readonly string[],
): (message: IncomingMessage) => string | undefined {
  const findAddress = createClientAddress(trustedProxies)
  return (message) => findAddress(message.socket.remoteAddress, sentFields(message))
}
