import type { IncomingMessage } from 'node:http'
import { createHeaderFields, type HeaderFields } from '../header-fields.ts'

/**
 * Whether Node's own parser made a message, over any connection. Serverless adapters and mocks make their own: nothing
 * holds their content to its length, `complete` is a word, and fields may be numbers, lists or missing.
 */
export function isFromParser(message: IncomingMessage): boolean {
  const { socket }: { readonly socket?: object } = message
  return message.httpVersionMajor >= 2 || (socket !== undefined && socket !== null && 'server' in socket)
}

/** The field lines of a message that no parser made: as many as its host kept, as text. */
export function hostFields({ rawHeaders, headers }: Partial<IncomingMessage>): readonly string[] {
  if (rawHeaders !== undefined && rawHeaders.length > 0) return rawHeaders.map(String)
  const lines: string[] = []
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined) continue
    for (const line of Array.isArray(value) ? value : [value]) lines.push(name, String(line))
  }
  return lines
}

/** `undefined` where a message is no stream at all. */
interface StreamState {
  /** The last chunk was pushed, read or not. Node tells only of what was read (`readableEnded`). */
  readonly ended?: boolean
}

/** Whether all content is here, and a reader will find it without waiting. */
export function hasEnded(message: IncomingMessage & { readonly _readableState?: StreamState }): boolean {
  return message._readableState?.ended === true
}

/** Whether content can be read from a message: mocks such as those of node-mocks-http only look like one. */
export function isStream(message: IncomingMessage & { readonly _readableState?: StreamState }): boolean {
  return message._readableState !== undefined && typeof message.read === 'function'
}

/**
 * Waits until a host has done what it does once an application waits for something: some call the message read then, and parsers
 * behind the guard would believe it.
 */
export async function whenReadable(message: IncomingMessage): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  if (isStream(message) && !message.destroyed && !message.readableEnded) message.readable = true
}

/** What a host is called, for whom a message is about it; `undefined` for hosts that nothing tells apart. */
export function nameHost(message: object): string | undefined {
  return HOSTS.find(({ sign }) => sign in message)?.name
}

const HOSTS: readonly { readonly sign: string; readonly name: string }[] = [
  { sign: 'isLightMyRequest', name: 'light-my-request' },
  { sign: '_setOriginalUrl', name: 'node-mocks-http' },
  { sign: 'apiGateway', name: 'serverless-http' },
]

/** What the compatibility API of node:http2 gives beyond node:http. */
export interface Http2Stream {
  /** END_STREAM came with the header fields: no content follows. */
  readonly endAfterHeaders: boolean
  readonly destroyed: boolean
  readonly state: { readonly remoteClose?: number }
  readonly once: (event: 'finish', listener: () => void) => unknown
  /** Resets the stream without an error. */
  readonly close: () => void
}

/** The stream of an HTTP/2 request; `undefined` for HTTP/1. */
export function http2StreamOf(message: IncomingMessage & { readonly stream?: Http2Stream }): Http2Stream | undefined {
  return message.httpVersionMajor >= 2 ? message.stream : undefined
}

/**
 * Runs once it is certain how the content ended. Node ends the readable side of an HTTP/2 stream alike for END_STREAM
 * and for a reset; which one it was is known a turn later.
 */
export function onceEndIsCertain(message: IncomingMessage, settle: (isComplete: boolean) => void): void {
  const stream = http2StreamOf(message)
  if (stream === undefined) settle(true)
  else setImmediate(() => settle(stream.state.remoteClose === 1))
}

/**
 * The header fields of a message as they came. Beyond its own limit Node's HTTP/1 drops fields without a word, though it obeys
 * those that frame content. Where it may have, there are more of them than any guard accepts. 0 stands for no limit; Node's
 * default is above ours.
 */
export function sentFields(message: IncomingMessage): HeaderFields {
  const { rawHeaders, socket } = message
  if (!isFromParser(message)) return createHeaderFields(hostFields(message))
  if (message.httpVersionMajor >= 2) return createHeaderFields(joinCrumbs(rawHeaders))
  const { maxHeadersCount: most }: { readonly maxHeadersCount?: unknown } = Object('server' in socket && socket.server)
  return createHeaderFields(rawHeaders, typeof most === 'number' && most > 0 && rawHeaders.length >= 2 * most)
}

/** HTTP/2 may send one Cookie in several lines; everywhere else, signatures included, it is one (RFC 9113 section 8.2.3). */
function joinCrumbs(rawHeaders: readonly string[]): readonly string[] {
  let first = -1
  let joined: string[] | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const isCookie = rawHeaders[index] === 'cookie'
    if (isCookie && first < 0) first = index + 1
    else if (isCookie) {
      joined ??= rawHeaders.slice(0, index)
      joined[first] += `; ${rawHeaders[index + 1]}`
    } else joined?.push(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  return joined ?? rawHeaders
}

/**
 * Whether content follows, where framing tells: HTTP/1 frames it by header fields (RFC 9112 section 6), HTTP/2 by the end of
 * the stream. `undefined` where only the content itself can tell, and it matters: where no parser holds a message to its
 * fields, and for a signature without a digest, which is good for a request without content and for no other.
 */
export function isContentFramed(message: IncomingMessage, headers: HeaderFields): boolean | undefined {
  const declared = headers.only('content-length')
  if (declared !== undefined && Number(declared) > 0) return true
  if (!isFromParser(message)) return undefined
  const stream = http2StreamOf(message)
  if (stream === undefined ? !headers.has('transfer-encoding') : stream.endAfterHeaders) return false
  return !headers.has('signature-input') || headers.has('content-digest') ? true : undefined
}
