import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

/** The content of a request as it came over the wire, held back from the parsers behind until it is known. */
export interface RawBody {
  /** All bytes; at once when they are here. Afterwards the stream gives the same bytes to whoever reads it. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>
  /** Whether every byte has come. */
  readonly isComplete: () => boolean
}

// Kept on the request itself, so that two copies of this package (ESM and CommonJS) share one capture.
const CAPTURED = Symbol.for('countermark.rawBody')

type CapturableMessage = IncomingMessage & { [CAPTURED]?: Uint8Array | Promise<Uint8Array> }

const EMPTY = new Uint8Array(0)

/** Prepares the capture of a body; nothing is read before `bytes()` is called. */
export function createRawBody(
  message: IncomingMessage,
  input: { readonly hasBody: boolean; readonly maxBytes: number },
): RawBody {
  const capturable: CapturableMessage = message
  return {
    bytes: () => {
      if (!input.hasBody) return EMPTY
      capturable[CAPTURED] ??= capture(message, input.maxBytes)
      return capturable[CAPTURED]
    },
    isComplete: () => message.complete,
  }
}

function capture(message: IncomingMessage, maxBytes: number): Uint8Array | Promise<Uint8Array> {
  if (message.readableDidRead || message.readableEnded || message.readableFlowing === true) {
    throw new Refusal('config_error', 'something read the body before the guard: mount the guard before body parsers')
  }
  if (message.destroyed) throw new Refusal('request_malformed', 'the connection ended before the body was complete')
  const declared = Number(message.headers['content-length'] ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  return message.complete ? takeBuffered(message, maxBytes) : holdBack(message, maxBytes)
}

/** Everything came already: read it and put it back in the same turn, so that the stream never notices. */
function takeBuffered(message: IncomingMessage, maxBytes: number): Uint8Array {
  const bytes: Uint8Array = readBuffered(message)
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  if (bytes.length > 0) message.unshift(bytes)
  return bytes
}

function readBuffered(message: IncomingMessage): Buffer {
  const chunks: Buffer[] = []
  for (let chunk: Buffer | null = message.read(); chunk !== null; chunk = message.read()) chunks.push(chunk)
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/** Takes chunks where the HTTP parser delivers them (`push`), and delivers them itself once all are here. */
function holdBack(message: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const early = readBuffered(message)
  const held: Buffer[] = early.length > 0 ? [early] : []
  let length = early.length
  return new Promise((resolve, reject) => {
    const push = message.push
    const stop = (error: Refusal): void => {
      message.push = push
      message.off('close', onClose)
      message.resume()
      reject(error)
    }
    const onClose = (): void =>
      stop(new Refusal('request_malformed', 'the connection ended before the body was complete'))
    const onEnd = (): void => {
      message.push = push
      message.off('close', onClose)
      for (const chunk of held) message.push(chunk)
      message.push(null)
      resolve(held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held))
    }
    message.once('close', onClose)
    message.push = (chunk: unknown): boolean => {
      if (chunk === null) {
        onEnd()
        return false
      }
      if (!Buffer.isBuffer(chunk)) return true
      held.push(chunk)
      length += chunk.length
      if (length > maxBytes) stop(tooLarge(maxBytes))
      return true
    }
    // A socket that was paused while the stream's own buffer filled must be read on.
    message.read(0)
  })
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('body_too_large', `at most ${maxBytes} bytes are accepted`)
}
