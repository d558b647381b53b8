import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Finish } from '../verdict.ts'
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
  else response.once('close', tell)
}
