import type { IncomingMessage } from 'node:http'

/** What the compatibility API of node:http2 gives beyond node:http. */
export interface Http2Stream {
  /** END_STREAM came with the header fields: no content follows. */
  readonly endAfterHeaders: boolean
  readonly destroyed: boolean
  readonly state: { readonly remoteClose?: number }
  readonly once: (event: 'finish', listener: () => void) => unknown
  /** Resets the stream without an error. */
  readonly close: () => void
}

/** The stream of an HTTP/2 request; `undefined` for HTTP/1. */
export function http2StreamOf(message: IncomingMessage & { readonly stream?: Http2Stream }): Http2Stream | undefined {
  return message.httpVersionMajor >= 2 ? message.stream : undefined
}

/**
 * Runs once it is certain how the content ended. Node ends the readable side of an HTTP/2 stream alike for END_STREAM
 * and for a reset; which one it was is known a turn later.
 */
export function onceEndIsCertain(message: IncomingMessage, settle: (isComplete: boolean) => void): void {
  const stream = http2StreamOf(message)
  if (stream === undefined) settle(true)
  else setImmediate(() => settle(stream.state.remoteClose === 1))
}
