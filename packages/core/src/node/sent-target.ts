import { channel, subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { http2StreamOf } from './http2-message.ts'

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
