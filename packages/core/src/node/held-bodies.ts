import type { IncomingMessage } from 'node:http'

/** One body that is held back. */
export interface HeldBack {
  /** How much of it is here. */
  bytes: number
  /** How often the clock ticked since. */
  ticks: number
  /** Whether the caller has proven who it is: the rest of what it sent is checked, and only the body is missing. */
  readonly isProven: boolean
  /** Called when others need its room, or when it took too long. */
  readonly giveUp: (why: 'crowded' | 'late') => void
}

/** What is held back at most. */
export interface HeldLimits {
  readonly maxBytes: number
  /** Of callers that have proven nothing yet. */
  readonly maxUnproven: number
  readonly maxSeconds: number
}

/** A body is given up after its time, at most a tick later: one timer serves all of them. */
const TICKS = 10

/**
 * Bounds what all bodies that one guard factory holds back take together, and how long each takes to come. Makes room by giving
 * up bodies, those of callers that have proven nothing first, and of these the one that is held longest: an honest one is here
 * in a moment, one that never ends would otherwise take the room of all others.
 */
export class HeldBodies {
  readonly #limits: HeldLimits
  readonly #proven = new Set<HeldBack>()
  readonly #unproven = new Set<HeldBack>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(limits: HeldLimits) {
    this.#limits = limits
  }

  add(body: HeldBack): void {
    const { maxUnproven, maxSeconds } = this.#limits
    this.#timer ??= setTimeout(() => this.#tick(), (maxSeconds * 1000) / TICKS).unref()
    const bodies = this.#setOf(body)
    bodies.add(body)
    if (!body.isProven && bodies.size > maxUnproven) this.#giveUpWhile(() => bodies.size > maxUnproven)
  }

  grow(body: HeldBack, bytes: number): void {
    body.bytes += bytes
    this.#bytes += bytes
    const { maxBytes } = this.#limits
    if (this.#bytes > maxBytes) this.#giveUpWhile(() => this.#bytes > maxBytes)
  }

  remove(body: HeldBack): void {
    if (this.#setOf(body).delete(body)) this.#bytes -= body.bytes
  }

  #setOf({ isProven }: HeldBack): Set<HeldBack> {
    return isProven ? this.#proven : this.#unproven
  }

  #giveUpWhile(isTooMuch: () => boolean): void {
    for (const oldest of this.#all()) {
      if (!isTooMuch()) return
      this.#giveUp(oldest, 'crowded')
    }
  }

  #giveUp(body: HeldBack, why: 'crowded' | 'late'): void {
    this.remove(body)
    body.giveUp(why)
  }

  *#all(): Generator<HeldBack> {
    yield* this.#unproven
    yield* this.#proven
  }

  #tick(): void {
    for (const body of this.#all()) {
      body.ticks++
      if (body.ticks > TICKS) this.#giveUp(body, 'late')
    }
    if (this.#proven.size + this.#unproven.size > 0) this.#timer?.refresh()
    else this.#timer = undefined
  }
}

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
