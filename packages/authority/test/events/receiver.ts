import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { type StartedServer, startServer } from '@countermark/testing'

/** What was posted. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Takes what is posted, and answers as a test wants. */
export function startReceiver(received: Received[], statusOf: () => number): Promise<StartedServer> {
  return startServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body })
      response.writeHead(statusOf()).end()
    })
  })
}
