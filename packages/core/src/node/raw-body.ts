import type { IncomingMessage } from 'node:http'
import { Refusal, Unavailable } from '../refusal.ts'
import { isThenable } from '../thenable.ts'
import type { HeldBodies } from './held-bodies.ts'
import { http2StreamOf, onceEndIsCertain } from './http2-message.ts'

/** The content of a request as it came over the wire, held back from the parsers behind until it is known. */
export interface RawBody {
  /** All bytes; at once when they are here. Afterwards the stream gives the same bytes to whoever reads it. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>
}

// Kept on the request itself, so that two copies of this package (ESM and CommonJS) share one capture.
const CAPTURED = Symbol.for('countermark.rawBody')

type CapturableMessage = IncomingMessage & { [CAPTURED]?: Uint8Array | Promise<Uint8Array> }

// Where the chunks of one message go.
const DIVERTED = Symbol('diverted')

type Take = (chunk: Buffer | null) => boolean
type DivertedMessage = IncomingMessage & { [DIVERTED]?: { readonly take: Take } | undefined }

const EMPTY = new Uint8Array(0)

/** How much may be held back: of one body, and of all. */
export interface BodyLimits {
  readonly maxBytes: number
  readonly heldBodies: HeldBodies
}

/** Prepares the capture of a body; nothing is read before `bytes()` is called. */
export function createRawBody(message: IncomingMessage, hasBody: boolean, limits: BodyLimits): RawBody {
  const capturable: CapturableMessage = message
  // Whoever captured it may have had another limit.
  const within = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > limits.maxBytes) throw tooLarge(limits.maxBytes)
    return bytes
  }
  return {
    bytes: () => {
      if (!hasBody) return EMPTY
      capturable[CAPTURED] ??= capture(capturable, limits)
      const captured = capturable[CAPTURED]
      return isThenable(captured) ? captured.then(within) : within(captured)
    },
  }
}

function capture(message: CapturableMessage, limits: BodyLimits): Uint8Array | Promise<Uint8Array> {
  if (wasTouched(message)) {
    throw new Refusal('config_error', 'something read the body before the guard: mount the guard before body parsers')
  }
  if (message.destroyed || message.aborted) throw truncated()
  const declared = Number(message.headers['content-length'] ?? 0)
  if (declared > limits.maxBytes) throw tooLarge(limits.maxBytes)
  // HTTP/2 has its own idea of `complete`, and delivers nothing before somebody reads.
  if (message.complete && http2StreamOf(message) === undefined) return takeBuffered(message)
  return holdBack(message, limits)
}

/** Whether some bytes went elsewhere, or were already decoded to text, which does not keep every byte. */
function wasTouched(message: IncomingMessage): boolean {
  const isDecoded = message.readableEncoding !== null && message.readableLength > 0
  return message.readableDidRead || message.readableEnded || message.readableFlowing === true || isDecoded
}

/** Everything came already: read it and put it back in the same turn, so that the stream never notices. */
function takeBuffered(message: IncomingMessage): Uint8Array {
  const bytes = readBuffered(message)
  if (bytes.length > 0) message.unshift(bytes)
  return bytes
}

/** Never reads an empty stream: that would make a finished one emit `end` before anybody behind us listens. */
function readBuffered(message: IncomingMessage): Buffer {
  const chunks: Buffer[] = []
  while (message.readableLength > 0) {
    const chunk: Buffer | null = message.read()
    if (chunk === null) break
    chunks.push(chunk)
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/** Takes chunks where the HTTP parser delivers them (`push`), and delivers them itself once all are here. */
function holdBack(message: CapturableMessage, { maxBytes, heldBodies }: BodyLimits): Promise<Uint8Array> {
  const early = readBuffered(message)
  const held: (Buffer | null)[] = early.length > 0 ? [early] : []
  let length = early.length
  return new Promise((resolve, reject) => {
    const settle = (error?: Refusal): boolean => {
      message.off('close', onClose)
      restore()
      counted.release()
      if (error === undefined) resolve(keep(message, held))
      else reject(error)
      // Also after a refusal: whoever lets the request pass all the same finds every byte, and the end.
      return held.splice(0).reduce((_, chunk) => message.push(chunk), true)
    }
    const onClose = (): void => void settle(truncated())
    const counted = heldBodies.hold(() => void settle(crowdedOut()))
    const restore = replacePush(message, (chunk) => {
      held.push(chunk)
      if (chunk === null) {
        onceEndIsCertain(message, (isComplete) => settle(isComplete ? undefined : truncated()))
        return false
      }
      length += chunk.length
      if (length > maxBytes) return settle(tooLarge(maxBytes))
      counted.grow(chunk.length)
      return true
    })
    message.once('close', onClose)
    counted.grow(early.length)
    // A socket that was paused while the stream's own buffer filled must be read on.
    message.read(0)
  })
}

/** What was captured, for every guard that asks after this one. */
function keep(message: CapturableMessage, held: readonly (Buffer | null)[]): Uint8Array {
  const chunks = held.filter((chunk) => chunk !== null)
  const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  message[CAPTURED] = bytes
  return bytes
}

/**
 * Delivers what the parser pushes elsewhere, until the function returned is called. One function for all messages: a new one
 * as a member of each message would keep the message alive past every collection of young objects.
 */
function replacePush(message: DivertedMessage, take: Take): () => void {
  const push = message.push
  message[DIVERTED] = { take }
  message.push = pushElsewhere
  return () => {
    message.push = push
    message[DIVERTED] = undefined
  }
}

function pushElsewhere(this: DivertedMessage, chunk: unknown): boolean {
  return chunk === null || Buffer.isBuffer(chunk) ? (this[DIVERTED]?.take(chunk) ?? true) : true
}

function truncated(): Refusal {
  return new Refusal('request_malformed', 'the connection ended before the body was complete')
}

function crowdedOut(): Unavailable {
  return new Unavailable('overloaded', 'bodies', 'too many bodies are held back, and this one took longest to come')
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('body_too_large', `at most ${maxBytes} bytes are accepted`)
}
