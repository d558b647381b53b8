import type { IncomingMessage } from 'node:http'

/** What gets the chunks of a message in place of its readers. */
export interface Diversion {
  /** `null` stands for the end. Answers whether more is wanted, as `push` does. */
  readonly take: (chunk: Buffer | null) => boolean
  /** The connection, or the stream of HTTP/2, is gone. */
  readonly close: () => void
}

const DIVERSION: unique symbol = Symbol('diversion')
const PUSH: unique symbol = Symbol('push')

type DivertedMessage = IncomingMessage & { [DIVERSION]?: Diversion | undefined; [PUSH]?: IncomingMessage['push'] }

/**
 * Takes chunks where the HTTP parser delivers them, at `push`, so that no reader behind notices. One set of functions for all
 * messages: what hangs on a message as a closure outlives every collection of young objects.
 */
export function divert(message: DivertedMessage, diversion: Diversion): void {
  message[DIVERSION] = diversion
  message[PUSH] = message.push
  message.push = pushElsewhere
  message.on('close', closed)
  // A socket that was paused while the stream's own buffer filled must be read on.
  message.read(0)
}

/** Gives the message its chunks again. */
export function undivert(message: DivertedMessage): void {
  message.removeListener('close', closed)
  if (message[PUSH] !== undefined) message.push = message[PUSH]
  message[DIVERSION] = undefined
}

function closed(this: DivertedMessage): void {
  this[DIVERSION]?.close()
}

/** Node's parsers push buffers; hosts that make messages of their own also push text, and nothing where there is none. */
function pushElsewhere(this: DivertedMessage, chunk: unknown, encoding?: BufferEncoding): boolean {
  const diversion = this[DIVERSION]
  if (diversion === undefined || chunk === undefined || chunk === '') return true
  if (chunk === null || Buffer.isBuffer(chunk)) return diversion.take(chunk)
  if (typeof chunk === 'string') return diversion.take(Buffer.from(chunk, encoding))
  if (chunk instanceof Uint8Array) return diversion.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  undivert(this)
  return this.push(chunk)
}
