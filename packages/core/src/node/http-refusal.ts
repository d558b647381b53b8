import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../refusal.ts'
import type { Reply } from '../reply.ts'
import { EXPOSED_FIELDS, joinLists } from './exposed-fields.ts'
import { type ReplyFields, replyFields } from './reply-head.ts'

/** A refusal as the error handlers of Express and Koa understand it; still a `Refusal` to `isRefusal`. */
export interface HttpRefusal extends Refusal {
  readonly status: number
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
