import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from '../reply.ts'
import { shouldClose } from './unread-body.ts'

// Kept on the message itself, so that two copies of this package (ESM and CommonJS) share it.
const REFUSED = Symbol.for('countermark.refused')

type RefusableMessage = IncomingMessage & { [REFUSED]?: true }

// A list that CORS middleware may have begun for the whole application.
const SHARED = 'access-control-expose-headers'

/**
 * Header fields of a reply by name: an array where a field occurs more than once, as `setHeader`, Express' error handler
 * and Koa's take it.
 */
export function replyFields(reply: Reply, message: IncomingMessage): Readonly<Record<string, string | string[]>> {
  const refused: RefusableMessage = message
  refused[REFUSED] = true
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of reply.headers) {
    const known = fields[name]
    fields[name] = known === undefined ? value : [known, value].flat()
  }
  if (shouldClose(message)) fields['Connection'] = 'close'
  return fields
}

/** Whether a guard refused this request, so that no handler behind it ran. */
export function wasRefused(message: IncomingMessage): boolean {
  const refusable: RefusableMessage = message
  return refusable[REFUSED] === true
}

/** Writes the header fields of a refusal. What the application had set for its own answer gives way. */
export function writeReplyHead(reply: Reply, message: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of Object.entries(replyFields(reply, message))) {
    if (name.toLowerCase() === SHARED) response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
}
