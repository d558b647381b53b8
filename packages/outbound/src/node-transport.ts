import { Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import type { LookupFunction } from 'node:net'
import { pipeline, type Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { type ResolvedAddress, type ResolveRules, resolveChecked } from './addresses.ts'
import { isOutboundError, OutboundError } from './outbound-error.ts'
import type { Transport } from './transport.ts'

/** How this machine connects. */
export interface NodeTransportRules extends ResolveRules {
  readonly maxBytes: number
  readonly ca: string | readonly string[] | undefined
  /** Connections kept open for later requests. */
  readonly connections: number
}

/** Resolves once, checks every address, and connects to those and to nothing else. */
export function createNodeTransport(rules: NodeTransportRules): Transport {
  const agentOf = keepConnections(rules.connections)
  return async (url, headers, signal, content) => {
    const addresses = await resolveChecked(url.hostname, rules)
    const options: RequestOptions & { ca?: string | string[] } = {
      agent: agentOf(url.protocol),
      method: content === undefined ? 'GET' : 'POST',
      headers: { ...headers, 'accept-encoding': 'gzip, br' },
      lookup: pinnedTo(addresses),
      signal,
    }
    if (rules.ca !== undefined) options.ca = typeof rules.ca === 'string' ? rules.ca : [...rules.ca]
    const response = await send(url, options, content)
    return {
      status: response.statusCode ?? 0,
      header: (name) => joined(response.headers[name]),
      body: decoded(response, rules.maxBytes),
    }
  }
}

/** One connection for each request, unless some are kept. What is kept was connected to a checked address. */
function keepConnections(connections: number): (protocol: string) => Agent | false {
  if (connections === 0) return () => false
  const agents = new Map<string, Agent>()
  return (protocol) => {
    const known = agents.get(protocol)
    if (known !== undefined) return known
    const kind = protocol === 'https:' ? process.getBuiltinModule('node:https').Agent : Agent
    const agent = new kind({ keepAlive: true, maxFreeSockets: connections })
    agents.set(protocol, agent)
    return agent
  }
}

/** Answers every question with the addresses that were checked: a second answer of DNS is never asked for. */
function pinnedTo(addresses: readonly ResolvedAddress[]): LookupFunction {
  const [first] = addresses
  return (_hostname, options, callback) => {
    if (options.all === true) return callback(null, [...addresses])
    callback(null, first?.address ?? '', first?.family)
  }
}

function send(url: URL, options: RequestOptions, content: string | undefined): Promise<IncomingMessage> {
  // Loaded by the first request: a program that fetches nothing does not pay for TLS.
  const request = url.protocol === 'https:' ? process.getBuiltinModule('node:https').request : requestHttp
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options)
    outgoing.on('response', (response) => {
      // Ours to abandon at any time: what happens to it afterwards is no error.
      response.on('error', () => {})
      resolve(response)
    })
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      // The other side closed a kept connection while this request was on its way: no answer had begun.
      if (outgoing.reusedSocket && cause.code === 'ECONNRESET') {
        resolve(send(url, { ...options, agent: false }, content))
        return
      }
      const reason = isParserError(cause) ? 'malformed' : 'connection_failed'
      reject(new OutboundError(reason, 'the request got no answer', { cause }))
    })
    outgoing.end(content)
  })
}

function isParserError(error: NodeJS.ErrnoException): boolean {
  return error.code?.startsWith('HPE_') === true
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

async function* decoded(response: IncomingMessage, maxBytes: number): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of toPlain(response, maxBytes)) yield chunk
  } catch (cause) {
    if (isOutboundError(cause)) throw cause
    const reason = isDecodingError(cause) ? 'malformed' : 'connection_failed'
    throw new OutboundError(reason, 'the answer broke off', { cause })
  } finally {
    response.destroy()
  }
}

function toPlain(response: IncomingMessage, maxBytes: number): Readable {
  const coding = response.headers['content-encoding']?.toLowerCase().trim() ?? 'identity'
  if (coding === 'identity') return response
  const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding]?.() : undefined
  if (decoder === undefined) throw new OutboundError('malformed', 'the content coding is not supported')
  // Its errors come out of the last stream, which is the one that is read.
  return pipeline(response, createByteLimit(maxBytes), decoder, () => {})
}

/** Ends a stream of coded bytes that decodes to little or nothing. */
function createByteLimit(maxBytes: number): Transform {
  let size = 0
  return new Transform({
    transform(chunk: Uint8Array, _encoding, callback): void {
      size += chunk.length
      if (size > maxBytes) callback(new OutboundError('too_large', `the answer exceeds ${maxBytes} bytes`))
      else callback(null, chunk)
    },
  })
}

function isDecodingError(error: unknown): boolean {
  const { code } = Object(error)
  return typeof code === 'string' && /^(?:Z_|ERR__ERROR_|ERR_BROTLI_)/.test(code)
}

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value
}
