import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Finish } from '../verdict.ts'
import { isFromParser } from './host-message.ts'
import { http2StreamOf } from './http2-message.ts'

/** Tells observers how a response ended, also when the caller went away while the guard was still deciding. */
export function watchResponse(
  message: IncomingMessage,
  response: ServerResponse & { readonly closed?: boolean },
  finish: Finish,
  unserved?: 'unserved',
): void {
  const tell = (): void => finish(response.statusCode, !response.writableFinished, unserved)
  if (response.closed === true || http2StreamOf(message)?.destroyed === true) tell()
  else if (isFromParser(message)) response.once('close', tell)
  else watchHost(response, (aborted) => finish(response.statusCode, aborted, unserved))
}

/** Where no connection is, none needs to close, and nothing takes an answer off: a response has ended once it says so. */
function watchHost(response: ServerResponse, tell: (aborted: boolean) => void): void {
  const finished = (): void => end(false)
  const closed = (): void => end(!response.writableEnded)
  const end = (aborted: boolean): void => {
    response.removeListener('close', closed).removeListener('finish', finished)
    tell(aborted)
  }
  if (response.writableEnded) tell(false)
  else response.once('finish', finished).once('close', closed)
}
