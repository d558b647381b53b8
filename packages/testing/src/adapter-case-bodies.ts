import type { HeaderField } from '@countermark/core'
import type { AdapterExchange } from './adapter-under-test.ts'

/** The field that announces chunks. */
export const CHUNKED: readonly HeaderField[] = [['Transfer-Encoding', 'chunked']]

/** Content in chunks (RFC 9112 section 7.1). */
export function chunked(...chunks: readonly string[]): Buffer {
  const framed = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  return Buffer.from(framed.join(''), 'latin1')
}

/** Goes on when the whole request has come; what does not fit into the stream's buffer cannot come before it is read. */
export async function waitForAll({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength < message.readableHighWaterMark) await nextTurn()
}

/** Goes on when the first bytes of the body have come. */
export async function waitForSome({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength === 0) await nextTurn()
}

/** One turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
