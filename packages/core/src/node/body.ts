import type { IncomingMessage } from 'node:http'
import { then } from '../internal/then.ts'
import { Refusal, Unavailable } from '../refusal/refusal.ts'
import { type Diversion, divert, type HeldBack, type HeldBodies, undivert } from './held-bodies.ts'
import { hasEnded, http2StreamOf, isStream, nameHost, onceEndIsCertain } from './host.ts'

// Kept on the request itself, so that two copies of this package (ESM and CommonJS) share one capture.
const CAPTURED: unique symbol = Symbol.for('countermark.rawBody')

type CapturableMessage = IncomingMessage & { [CAPTURED]?: Uint8Array | Promise<Uint8Array> }

/** How much may be held back, of one body and of all, and where the bytes are that something else has read. */
export interface BodyReading {
  readonly maxBytes: number
  readonly maxSeconds: number
  readonly heldBodies: HeldBodies
  readonly findKept: FindKeptBody
}

/**
 * The content of a request as it came over the wire, held back from the parsers behind until it is known; at once when it is
 * here. Afterwards the stream gives the same bytes to its readers.
 */
export function readRawBody(
  message: CapturableMessage,
  isProven: boolean,
  reading: BodyReading,
): Uint8Array | Promise<Uint8Array> {
  const captured = message[CAPTURED] ?? capture(message, isProven, reading)
  // Kept before its size is judged: the next guard may accept more.
  message[CAPTURED] = captured
  return then(captured, (bytes) => requireSize(bytes, reading))
}

function requireSize(bytes: Uint8Array, { maxBytes }: BodyReading): Uint8Array {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

function capture(
  message: CapturableMessage,
  isProven: boolean,
  reading: BodyReading,
): Uint8Array | Promise<Uint8Array> {
  if (wasTouched(message)) return takeKept(message, reading)
  if (message.destroyed || message.aborted) throw truncated()
  const declared = Number(message.headers['content-length'] ?? 0)
  if (declared > reading.maxBytes) throw tooLarge(reading.maxBytes)
  if (hasEnded(message)) return takeBuffered(message)
  return new Promise((resolve, reject) => {
    const hold = new Hold(message, isProven, reading, resolve, reject)
    if (!hold.isSettled) divert(message, hold)
  })
}

/** Whether some bytes went elsewhere, or were already decoded to text, which does not keep every byte. */
export function wasTouched(message: IncomingMessage): boolean {
  if (!isStream(message)) return true
  const isDecoded = message.readableEncoding !== null && message.readableLength > 0
  return message.readableDidRead || message.readableEnded || message.readableFlowing === true || isDecoded
}

function takeKept(message: IncomingMessage, { findKept }: BodyReading): Uint8Array {
  const kept = findKept(message)
  if (kept !== undefined) return kept
  const host = nameHost(message)
  if (!isStream(message)) {
    const what = `${host ?? 'this host'} makes messages whose content cannot be read`
    throw new Refusal('config_error', `${what}: say where the bytes are with createGuard({ rawBody: (req) => … })`)
  }
  const fix =
    'mount the guard before body parsers, or say where they keep the bytes with createGuard({ rawBody: (req) => … })'
  throw new Refusal('config_error', `something read the body before the guard: ${fix}`)
}

/** Everything came already: read it and put it back in the same turn, so that the stream never notices. */
function takeBuffered(message: IncomingMessage): Uint8Array | Promise<Uint8Array> {
  const bytes = readBuffered(message)
  if (bytes.length > 0) message.unshift(bytes)
  if (http2StreamOf(message) === undefined) return bytes
  return new Promise((resolve, reject) => {
    onceEndIsCertain(message, (isComplete) => (isComplete ? resolve(bytes) : reject(truncated())))
  })
}

/** Never reads an empty stream: that would make a finished one emit `end` before a parser behind us listens. */
function readBuffered(message: IncomingMessage): Buffer {
  const chunks: Buffer[] = []
  while (message.readableLength > 0) {
    const chunk: Buffer | null = message.read()
    if (chunk === null) break
    chunks.push(chunk)
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/**
 * Takes chunks before the stream gets them, and delivers them itself once all are here. A class, and functions that all messages
 * share: what hangs on a message as a closure outlives every young collection.
 */
class Hold implements HeldBack, Diversion {
  readonly #message: CapturableMessage
  readonly #reading: BodyReading
  readonly #resolve: (bytes: Uint8Array) => void
  readonly #reject: (error: Refusal) => void
  readonly #held: (Buffer | null)[] = []
  readonly isProven: boolean
  isSettled = false
  bytes = 0
  ticks = 0

  constructor(
    message: CapturableMessage,
    isProven: boolean,
    reading: BodyReading,
    resolve: (bytes: Uint8Array) => void,
    reject: (error: Refusal) => void,
  ) {
    this.#message = message
    this.#reading = reading
    this.#resolve = resolve
    this.#reject = reject
    this.isProven = isProven
    reading.heldBodies.add(this)
    const early = readBuffered(message)
    if (early.length > 0) this.#keep(early)
  }

  take(chunk: Buffer | null): boolean {
    if (chunk !== null) return this.#keep(chunk)
    this.#held.push(null)
    onceEndIsCertain(this.#message, (isComplete) => this.#settle(isComplete ? undefined : truncated()))
    return false
  }

  close(): void {
    this.#settle(truncated())
  }

  giveUp(why: 'crowded' | 'late'): void {
    this.#settle(why === 'crowded' ? crowdedOut() : tooLate(this.#reading.maxSeconds))
  }

  #keep(chunk: Buffer): boolean {
    this.#held.push(chunk)
    const { maxBytes, heldBodies } = this.#reading
    if (this.bytes + chunk.length > maxBytes) return this.#settle(tooLarge(maxBytes))
    heldBodies.grow(this, chunk.length)
    return true
  }

  #settle(error: Refusal | undefined): boolean {
    const message = this.#message
    const held = this.#held
    if (this.isSettled) return true
    this.isSettled = true
    undivert(message)
    this.#reading.heldBodies.remove(this)
    if (error === undefined) this.#resolve(keep(message, held))
    else this.#reject(error)
    // Also after a refusal: where the request passes all the same, its handler finds every byte, and the end.
    let more = true
    for (const chunk of held) more = message.push(chunk)
    held.length = 0
    return more
  }
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

function tooLate(maxSeconds: number): Refusal {
  return new Refusal('request_malformed', `the body was not complete after ${maxSeconds} s`)
}

function crowdedOut(): Unavailable {
  return new Unavailable('overloaded', 'bodies', 'too many bodies are held back, and this one took longest to come')
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('body_too_large', `at most ${maxBytes} bytes are accepted`)
}

/** A message whose body something has read, and where it may have put it. */
export interface ReadMessage extends Omit<IncomingMessage, 'rawBody' | 'body'> {
  readonly rawBody?: Uint8Array | undefined
  readonly body?: unknown
}

/** Finds the bytes of a body that was read before the guard; `undefined` where they were not kept. */
export type FindKeptBody = (message: IncomingMessage) => Uint8Array | undefined

/** Asks `option`, and holds it to bytes: a text, or what a parser made, no longer is what was sent. */
export function findKeptBody(option: ((message: ReadMessage) => unknown) | undefined): FindKeptBody {
  if (option === undefined) return () => undefined
  return (message) => {
    const kept: unknown = Reflect.apply(option, undefined, [message])
    if (kept === undefined || kept instanceof Uint8Array) return kept
    throw new Refusal('config_error', 'rawBody must return the bytes as they came, in a Buffer, or undefined')
  }
}
