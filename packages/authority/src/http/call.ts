import type { IncomingMessage, ServerResponse } from 'node:http'

/** One request to the authority, with its body. */
export interface Call {
  readonly requestId: string
  readonly method: string
  /** The template of the route: `/agents/{agent}`. */
  readonly template: string
  /** Decoded values of the template. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: Uint8Array
  readonly message: IncomingMessage
  /** For what is answered bit by bit; everything else returns its answer. */
  readonly response: ServerResponse
  /** The request-target before any mount took a prefix off. */
  readonly originalUrl: string
}

/** What is answered. */
export interface Answer {
  readonly status: number
  /** A field that occurs several times has several values. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

/** One method of one path. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Relative to where the authority is mounted: `/agents/{agent}/keys`. */
  readonly path: string
  /** @throws Refusal, answered as problem+json */
  readonly handle: (call: Call) => Promise<Answer>
}

/** The value of a header field that must occur once; `undefined` when it is absent. */
export function headerOf({ message }: Pick<Call, 'message'>, name: string): string | undefined {
  const value = message.headers[name]
  return typeof value === 'string' ? value : undefined
}

/** An answer of JSON. */
export function jsonAnswer(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
    body: JSON.stringify(value),
  }
}
