import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from '../reply.ts'
import { EXPOSED_FIELDS, joinLists } from './exposed-fields.ts'
import { closeInStages, shouldClose } from './staged-close.ts'

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
