import type { IncomingMessage } from 'node:http'
import type { HeaderFields } from '../header-fields.ts'
import { type BodyReading, wasTouched } from './body.ts'
import { type Diversion, divert, type HeldBack, undivert } from './held-bodies.ts'
import { hasEnded, isStream, onceEndIsCertain } from './host.ts'

/** Whether content follows, by the content itself: waits for its first byte, or for its end. */
export function findContent(
  message: IncomingMessage,
  headers: HeaderFields,
  reading: BodyReading,
): boolean | Promise<boolean> {
  if (isStream(message)) return findFirstByte(message, reading)
  return hasKept(message, reading) ?? (headers.has('transfer-encoding') || hasParsedBody(message))
}

function findFirstByte(message: IncomingMessage, reading: BodyReading): boolean | Promise<boolean> {
  if (wasTouched(message)) return hasKept(message, reading) ?? true
  if (message.destroyed || message.readableLength > 0) return true
  if (hasEnded(message)) return false
  const first = new FirstByte(message, reading)
  divert(message, first)
  return first.found ?? new Promise((resolve) => first.tell(resolve))
}

/** What handlers of a mock find as its body; the empty object stands for none. */
function hasParsedBody({ body }: IncomingMessage & { readonly body?: unknown }): boolean {
  return body !== undefined && body !== null && body !== '' && JSON.stringify(body) !== '{}'
}

/** An option that throws is told of where the body is asked for. */
function hasKept(message: IncomingMessage, { findKept }: BodyReading): boolean | undefined {
  try {
    const kept = findKept(message)
    return kept === undefined ? undefined : kept.length > 0
  } catch {
    return true
  }
}

/** Lets everything through, and learns whether it was anything. In doubt it was: then the signature must cover it. */
class FirstByte implements Diversion, HeldBack {
  readonly #message: IncomingMessage
  readonly #reading: BodyReading
  #resolve: ((found: boolean) => void) | undefined
  readonly isProven = false
  found: boolean | undefined
  bytes = 0
  ticks = 0

  constructor(message: IncomingMessage, reading: BodyReading) {
    this.#message = message
    this.#reading = reading
    reading.heldBodies.add(this)
  }

  tell(resolve: (found: boolean) => void): void {
    this.#resolve = resolve
  }

  take(chunk: Buffer | null): boolean {
    if (chunk !== null && chunk.length === 0) return true
    undivert(this.#message)
    const more = this.#message.push(chunk)
    if (chunk !== null) this.#settle(true)
    else onceEndIsCertain(this.#message, (isComplete) => this.#settle(!isComplete))
    return more
  }

  close(): void {
    this.giveUp()
  }

  giveUp(): void {
    undivert(this.#message)
    this.#settle(true)
  }

  #settle(found: boolean): void {
    this.#reading.heldBodies.remove(this)
    this.found ??= found
    this.#resolve?.(this.found)
  }
}
