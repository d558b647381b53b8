import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Finish } from '../guard/state.ts'
import type { HeaderField } from '../header-fields.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Reply } from '../refusal/response.ts'
import { closeInStages, shouldClose } from './close.ts'
import { http2StreamOf, isFromParser } from './host.ts'

/** A refusal as the error handlers of Express and Koa understand it; still a `Refusal` to `isRefusal`. */
export interface HttpRefusal extends Refusal {
  /** The HTTP status, as Koa and error handlers read it. */
  readonly status: number
  /** The same, as other error handlers read it. */
  readonly statusCode: number
  /** CORS middleware of Koa puts its own fields over these: the list of what scripts may read stays joined. */
  headers: ReplyFields
  /** The message may be shown: it says no more than the problem document does. */
  readonly expose: true
  /** The problem document (RFC 9457) that the guard would have sent. */
  readonly body: string
}

/**
 * Makes the error that an application's error handler gets. A new one for each request: one refusal may answer many
 * requests at once, such as all that waited for the same key.
 */
export function toHttpRefusal(
  refusal: Refusal,
  reply: Reply,
  message: IncomingMessage,
  response: ServerResponse,
): HttpRefusal {
  const { status, body } = reply
  const { title, detail = title }: { readonly title: string; readonly detail?: string } = JSON.parse(body)
  const error = Object.assign(Object.create(refusal), {
    message: detail,
    status,
    statusCode: status,
    expose: true,
    body,
  })
  return Object.defineProperty(error, 'headers', joinedHeaders(replyFields(reply, message, response)))
}

function joinedHeaders(own: ReplyFields): PropertyDescriptor {
  let headers = own
  return {
    enumerable: true,
    configurable: true,
    get: () => headers,
    set: (given: ReplyFields) => {
      headers = withExposed(given, headers)
    },
  }
}

function withExposed(given: ReplyFields, before: ReplyFields): ReplyFields {
  const [name] = Object.keys(given).filter(isExposedList)
  const lists = [given, before].map((fields) =>
    Object.keys(fields)
      .filter(isExposedList)
      .map((key) => fields[key]),
  )
  return name === undefined ? given : { ...given, [name]: joinLists(...lists.flat()) }
}

function isExposedList(name: string): boolean {
  return name.toLowerCase() === EXPOSED_FIELDS
}

// Kept on the message itself, so that two copies of this package (ESM and CommonJS) share it.
const REFUSED: unique symbol = Symbol.for('countermark.refused')

/** Header fields by name: an array where a field occurs more than once, as `setHeader` and error handlers take it. */
export type ReplyFields = Readonly<Record<string, string | readonly string[]>>

/** The header fields of a refusal, for a response on which an application may have set some. Prepares the end of the request. */
export function replyFields(reply: Reply, message: IncomingMessage, response: ServerResponse): ReplyFields {
  markRefused(message)
  closeInStages(message)
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of reply.headers) {
    const known = fields[name]
    if (name.toLowerCase() === EXPOSED_FIELDS) fields[name] = joinLists(response.getHeader(name), value)
    else fields[name] = known === undefined ? value : [known, value].flat()
  }
  if (shouldClose(message)) fields['Connection'] = 'close'
  return fields
}

/** Notes that no handler behind a guard runs for this request. */
export function markRefused(message: IncomingMessage & { [REFUSED]?: true }): void {
  message[REFUSED] = true
}

/** Whether a guard refused this request, so that no handler behind it ran. */
export function wasRefused(message: IncomingMessage & { readonly [REFUSED]?: true }): boolean {
  return message[REFUSED] === true
}

/** Writes the header fields of a refusal. What the application had set for its own answer gives way. */
export function writeReplyHead(reply: Reply, message: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of Object.entries(replyFields(reply, message, response))) response.setHeader(name, value)
}

/** Adds what checks announce to an answer that the application is about to write; what is there already stays. */
export function announceFields(fields: readonly HeaderField[], response: ServerResponse): void {
  for (const [name, value] of fields) {
    const before = response.getHeader(name)
    response.setHeader(name, before === undefined ? value : [before, value].flat().map(String))
  }
}

/** A list that CORS middleware may have begun for the whole application. */
export const EXPOSED_FIELDS = 'access-control-expose-headers'

/** One list of all names in several, each once. A value of another form, as a header field may have it, adds nothing. */
export function joinLists(...values: readonly unknown[]): string {
  const names = new Map<string, string>()
  for (const value of values.flat()) {
    if (typeof value !== 'string') continue
    for (const name of value.split(',').map((each) => each.trim())) {
      if (name !== '' && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
    }
  }
  return [...names.values()].join(', ')
}

/** Tells observers how a response ended, also when the caller went away while the guard was still deciding. */
export function watchResponse(
  message: IncomingMessage,
  response: ServerResponse & { readonly closed?: boolean },
  finish: Finish,
  unserved?: 'unserved',
): void {
  const sent = bytesCounter(message)
  const tell = (): void => finish(response.statusCode, !response.writableFinished, unserved, sent())
  if (response.closed === true || http2StreamOf(message)?.destroyed === true) tell()
  else if (isFromParser(message)) response.once('close', tell)
  else watchHost(response, (aborted) => finish(response.statusCode, aborted, unserved))
}

const NOT_COUNTED = (): undefined => undefined

/** Counts what one answer sends: on a connection of HTTP/1 answers come one after the other. */
function bytesCounter(message: IncomingMessage): () => number | undefined {
  if (message.httpVersionMajor >= 2 || !isFromParser(message)) return NOT_COUNTED
  const { socket } = message
  const before = socket.bytesWritten
  return () => Math.max(0, socket.bytesWritten - before)
}

/** Where no connection is, none needs to close, and nothing takes an answer off: a response has ended once `writableEnded` is true. */
function watchHost(response: ServerResponse, tell: (aborted: boolean) => void): void {
  const finished = (): void => end(false)
  const closed = (): void => end(!response.writableEnded)
  const end = (aborted: boolean): void => {
    response.removeListener('close', closed).removeListener('finish', finished)
    tell(aborted)
  }
  if (response.writableEnded) tell(false)
  else response.once('finish', finished).once('close', closed)
}
