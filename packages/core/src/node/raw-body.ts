import type { IncomingMessage } from 'node:http'
import { Refusal, Unavailable } from '../refusal.ts'
import { isThenable } from '../thenable.ts'
import type { HeldBack, HeldBodies } from './held-bodies.ts'
import { http2StreamOf, onceEndIsCertain } from './http2-message.ts'

/** The content of a request as it came over the wire, held back from the parsers behind until it is known. */
export interface RawBody {
  /** All bytes; at once when they are here. Afterwards the stream gives the same bytes to whoever reads it. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>
}

// Kept on the request itself, so that two copies of this package (ESM and CommonJS) share one capture.
const CAPTURED = Symbol.for('countermark.rawBody')

type CapturableMessage = IncomingMessage & { [CAPTURED]?: Uint8Array | Promise<Uint8Array> }

// The body of a message that is held back.
const HELD = Symbol('held')

type DivertedMessage = CapturableMessage & { [HELD]?: Hold | undefined }

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
function holdBack(message: DivertedMessage, limits: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const hold = new Hold(message, limits, resolve, reject)
    message[HELD] = hold
    message.push = pushElsewhere
    message.on('close', closed)
    // A socket that was paused while the stream's own buffer filled must be read on.
    message.read(0)
  })
}

/** A class, and functions that all messages share: what hangs on a message as a closure outlives every young collection. */
class Hold implements HeldBack {
  readonly #message: DivertedMessage
  readonly #push: IncomingMessage['push']
  readonly #limits: BodyLimits
  readonly #resolve: (bytes: Uint8Array) => void
  readonly #reject: (error: Refusal) => void
  readonly #held: (Buffer | null)[] = []
  #length = 0
  bytes = 0

  constructor(
    message: DivertedMessage,
    limits: BodyLimits,
    resolve: (bytes: Uint8Array) => void,
    reject: (error: Refusal) => void,
  ) {
    this.#message = message
    this.#push = message.push
    this.#limits = limits
    this.#resolve = resolve
    this.#reject = reject
    limits.heldBodies.add(this)
    const early = readBuffered(message)
    if (early.length > 0) this.#keep(early)
  }

  take(chunk: Buffer | null): boolean {
    if (chunk === null) {
      this.#held.push(null)
      onceEndIsCertain(this.#message, (isComplete) => this.settle(isComplete ? undefined : truncated()))
      return false
    }
    return this.#keep(chunk)
  }

  giveUp(): void {
    this.settle(crowdedOut())
  }

  settle(error: Refusal | undefined): boolean {
    const message = this.#message
    const held = this.#held
    message.removeListener('close', closed)
    message.push = this.#push
    message[HELD] = undefined
    this.#limits.heldBodies.remove(this)
    if (error === undefined) this.#resolve(keep(message, held))
    else this.#reject(error)
    // Also after a refusal: whoever lets the request pass all the same finds every byte, and the end.
    let more = true
    for (const chunk of held) more = message.push(chunk)
    held.length = 0
    return more
  }

  #keep(chunk: Buffer): boolean {
    this.#held.push(chunk)
    this.#length += chunk.length
    if (this.#length > this.#limits.maxBytes) return this.settle(tooLarge(this.#limits.maxBytes))
    this.#limits.heldBodies.grow(this, chunk.length)
    return true
  }
}

function closed(this: DivertedMessage): void {
  this[HELD]?.settle(truncated())
}

function pushElsewhere(this: DivertedMessage, chunk: unknown): boolean {
  return chunk === null || Buffer.isBuffer(chunk) ? (this[HELD]?.take(chunk) ?? true) : true
}

/** What was captured, for every guard that asks after this one. */
function keep(message: CapturableMessage, held: readonly (Buffer | null)[]): Uint8Array {
  const [first] = held
  const isWhole = held.length === 2 && first !== null && first !== undefined && held[1] === null
  const bytes = isWhole ? first : Buffer.concat(held.filter((chunk) => chunk !== null))
  message[CAPTURED] = bytes
  return bytes
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
