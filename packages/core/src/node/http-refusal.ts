import type { IncomingMessage } from 'node:http'
import type { Refusal } from '../refusal.ts'
import type { Reply } from '../reply.ts'
import { replyFields } from './reply-head.ts'

/** A refusal as the error handlers of Express and Koa understand it; still a `Refusal` to `isRefusal`. */
export interface HttpRefusal extends Refusal {
  readonly status: number
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** The message may be shown: it says no more than the problem document does. */
  readonly expose: true
  /** The problem document (RFC 9457) that the guard would have sent. */
  readonly body: string
}

/**
 * Makes the error that an application's error handler gets. A new one for each request: one refusal may answer many
 * requests at once, such as all that waited for the same key.
 */
export function toHttpRefusal(refusal: Refusal, reply: Reply, message: IncomingMessage): HttpRefusal {
  const { status, body } = reply
  const { title, detail = title }: { readonly title: string; readonly detail?: string } = JSON.parse(body)
  return Object.assign(Object.create(refusal), {
    message: detail,
    status,
    statusCode: status,
    headers: replyFields(reply, message),
    expose: true,
    body,
  })
}
