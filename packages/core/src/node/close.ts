import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Http2Stream, http2StreamOf, isFromParser } from './host.ts'

const WORTH_READING = 65_536

/**
 * Whether a refusal should close the connection: a large body that no handler reads would otherwise be taken off the wire
 * only to reach the next request. HTTP/2 ends the stream instead.
 */
export function shouldClose(message: IncomingMessage): boolean {
  if (message.complete || message.httpVersionMajor >= 2) return false
  const declared = message.headers['content-length']
  return declared === undefined ? message.headers['transfer-encoding'] !== undefined : Number(declared) > WORTH_READING
}

const MOST_BYTES = 33_554_432
const MOST_MS = 30_000
const MOST_IDLE_MS = 5_000

/**
 * Prepares the end of a refused request of which more may come. A connection that is closed while data arrives is reset, and the
 * reset takes the answer with it: so our side ends first, and what still comes is read and thrown away, for a while (RFC 9112
 * section 9.6).
 */
export function closeInStages(message: IncomingMessage): void {
  const stream = http2StreamOf(message)
  if (stream !== undefined) closeStream(stream)
  else if (isFromParser(message) && shouldClose(message)) endFirst(message, message.socket)
}

/** Node calls `destroySoon` once the answer is written; it would close both sides at once. */
function endFirst(message: IncomingMessage, socket: Socket): void {
  socket.destroySoon = () => {
    Reflect.deleteProperty(socket, 'destroySoon')
    socket.end()
    // The parser may be at work: what it has not handed on yet must not be taken from under it.
    setImmediate(() => throwAway(message, socket))
  }
}

function throwAway(message: IncomingMessage, socket: Socket): void {
  const stop = (): void => void socket.destroy()
  const stopOnceWritten = (): void => void (socket.writableFinished ? stop() : socket.once('finish', stop))
  if (message.complete) {
    stopOnceWritten()
    return
  }
  const timer = setTimeout(stop, MOST_MS).unref()
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_BYTES) stop()
  })
  socket.once('close', () => clearTimeout(timer)).setTimeout(MOST_IDLE_MS, stop)
  message.once('end', stopOnceWritten).resume()
  socket.resume()
}

/** A stream whose request never ends would be held for as long as its connection lives (RFC 9113 section 8.1). */
function closeStream(stream: Http2Stream): void {
  stream.once('finish', () => {
    if (stream.state.remoteClose !== 1) stream.close()
  })
}
