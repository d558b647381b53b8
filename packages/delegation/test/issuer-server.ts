import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type StartedServer, startServer } from '@countermark/testing'

/** What one path answers: a value for JSON, or whatever a handler does. */
export type Answer = object | ((request: AskedFor, response: ServerResponse) => void)

/** What was asked for. */
export interface AskedFor {
  readonly method: string | undefined
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server that answers by path, and remembers what it was asked for. */
export interface IssuerServer extends StartedServer {
  readonly answers: Map<string, Answer>
  readonly asked: AskedFor[]
}

/** Lets loopback servers be fetched from. */
export const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const

/** Starts one inside a `describe`: it ends with the test. */
export function useIssuerServers(): () => Promise<IssuerServer> {
  const running: StartedServer[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()))
  })
  return async () => {
    const answers = new Map<string, Answer>()
    const asked: AskedFor[] = []
    const server = await startServer((request, response) => {
      void text(request).then((body) => {
        const { method, url: path = '', headers } = request
        asked.push({ method, path, headers, body })
        reply(answers.get(path), { method, path, headers, body }, response)
      })
    })
    running.push(server)
    return { ...server, answers, asked }
  }
}

function reply(answer: Answer | undefined, asked: AskedFor, response: ServerResponse): void {
  if (typeof answer === 'function') answer(asked, response)
  else {
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? {}))
  }
}
