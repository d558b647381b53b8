import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

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
