import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createFetcher, type FetcherOptions } from '../src/index.ts'
import { type FaultServer, startHttpServer } from './fault-server.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const

const servers: FaultServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(listener: RequestListener): Promise<FaultServer> {
  const server = await startHttpServer(listener)
  servers.push(server)
  return server
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request)
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}

async function post(server: FaultServer, count: number, options: FetcherOptions): Promise<readonly string[]> {
  const fetcher = createFetcher({ ...LOOPBACK, ...options })
  const answers: string[] = []
  for (let round = 0; round < count; round++) {
    answers.push((await fetcher.postJson(server.url, `{"round":${round}}`)).text)
  }
  return answers
}

describe('a connection', () => {
  it('is made for each request', async () => {
    const server = await start((request, response) => void echo(request, response))
    expect(await post(server, 2, {})).toEqual(['{"round":0}', '{"round":1}'])
    expect(server.connections()).toBe(2)
  })

  it('is kept where that is asked for', async () => {
    const server = await start((request, response) => void echo(request, response))
    expect(await post(server, 3, { connections: 4 })).toHaveLength(3)
    expect(server.connections()).toBe(1)
  })

  it('that the other side closed in between is replaced', async () => {
    let asked = 0
    const server = await start((request, response) => {
      asked += 1
      if (asked === 2) request.socket.destroy()
      else void echo(request, response)
    })
    expect(await post(server, 3, { connections: 4 })).toEqual(['{"round":0}', '{"round":1}', '{"round":2}'])
    expect([asked, server.connections()]).toEqual([4, 3])
  })

  it('on which an answer is too large is not used again', async () => {
    const server = await start((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(5_000))
    })
    const fetcher = createFetcher({ ...LOOPBACK, connections: 4, maxBytes: 100 })
    const ask = (): Promise<unknown> => fetcher.postJson(server.url, '{}')
    await expect(ask()).rejects.toMatchObject({ reason: 'too_large' })
    await expect(ask()).rejects.toMatchObject({ reason: 'too_large' })
    expect(server.connections()).toBe(2)
  })
})
