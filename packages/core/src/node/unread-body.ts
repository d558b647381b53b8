import type { IncomingMessage } from 'node:http'

const WORTH_READING = 65_536

/**
 * Whether a refusal should close the connection: a large body that nobody reads would otherwise be taken off the wire
 * only to reach the next request. HTTP/2 ends the stream instead.
 */
export function shouldClose(message: IncomingMessage): boolean {
  if (message.complete || message.httpVersionMajor >= 2) return false
  const declared = message.headers['content-length']
  return declared === undefined ? message.headers['transfer-encoding'] !== undefined : Number(declared) > WORTH_READING
}
