import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server of keys whose answers, faults and life a test decides. */
export interface KeyServer {
  readonly url: string
  answer: Answer
  /** Targets asked for since the start. */
  readonly asked: readonly string[]
  /** Connections to it since the start. */
  readonly connections: () => number
  /** Stops listening and ends every connection. */
  readonly stop: () => Promise<void>
  /** Listens again, on the same port. */
  readonly start: () => Promise<void>
}

/** Starts a server that answers like this until told otherwise. */
export async function startKeyServer(answer: Answer): Promise<KeyServer> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.on('error', () => {})
    keyServer.answer(request, response)
  })
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const keyServer: KeyServer = {
    url: `http://127.0.0.1:${port}/agent-keys`,
    answer,
    asked,
    connections: () => connections,
    start: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        if (server.listening) server.close(() => resolve())
        else resolve()
      }),
  }
  return keyServer
}

/** Answers with JSON. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Answer {
  return text(JSON.stringify(value), { 'content-type': 'application/json', ...headers }, status)
}

/** Answers with anything. */
export function text(body: string | Buffer, headers: Readonly<Record<string, string>>, status = 200): Answer {
  return (_request, response) => void response.writeHead(status, headers).end(body)
}

/** Lets background fetches end, that nobody waits for. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('what was waited for did not happen')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await new Promise(setImmediate)
}

/** An agent as a registry document states it. */
export interface RegisteredAgent {
  readonly id: string
  readonly keys: readonly { readonly id?: string }[]
  readonly [member: string]: unknown
}

/** Answers like a registry that holds these agents. */
export function registryOf(...agents: readonly RegisteredAgent[]): Answer {
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry.test')
    const keyId = searchParams.get('keyid')
    const agentId = decodeURIComponent(pathname.split('/')[2] ?? '')
    const found = agents.filter(({ id, keys }) =>
      keyId === null ? id === agentId : keys.some((key) => key.id === keyId),
    )
    if (keyId === null && found.length === 0) json({ title: 'no such agent' }, {}, 404)(request, response)
    else json({ agents: found })(request, response)
  }
}
