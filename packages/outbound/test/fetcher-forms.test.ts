import type { IncomingMessage, RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { createFetcher, type Fetcher, type FetcherOptions } from '../src/index.ts'
import { type FaultServer, startHttpServer } from './fault-server.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const

const servers: FaultServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(listener: RequestListener): Promise<string> {
  const server = await startHttpServer(listener)
  servers.push(server)
  return server.url
}

async function describeRequest(request: IncomingMessage): Promise<string> {
  const { method, headers } = request
  return JSON.stringify({ method, type: headers['content-type'], body: await text(request) })
}

function echoing(): Promise<string> {
  return start((request, response) => {
    void describeRequest(request).then((body) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    })
  })
}

const EXPECTED = { method: 'POST', type: 'application/x-www-form-urlencoded', body: 'token=a+b%26&hint=x' }

describe('a form', () => {
  const postTo = (url: string, options: FetcherOptions): ReturnType<Fetcher['postForm']> =>
    createFetcher(options).postForm(url, { token: 'a b&', hint: 'x' })

  it('is sent with POST, and its answer read like any other', async () => {
    expect((await postTo(await echoing(), LOOPBACK)).value).toEqual(EXPECTED)
  })

  it("is sent by a user's fetch as well", async () => {
    const url = await echoing()
    expect((await postTo(url, { fetch: globalThis.fetch, allowHttp: true, ports: 'any' })).value).toEqual(EXPECTED)
  })

  it('is not sent on to where a redirect points', async () => {
    const url = await start((_request, response) => response.writeHead(307, { location: '/elsewhere' }).end())
    await expect(postTo(url, LOOPBACK)).rejects.toMatchObject({ reason: 'redirected' })
  })
})

describe('a document that is not JSON', () => {
  it('is given as text, if it is of an accepted type', async () => {
    const url = await start((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/statuslist+jwt', 'cache-control': 'max-age=9' })
        .end('a.b.c')
    })
    const accepting = createFetcher({ ...LOOPBACK, contentTypes: ['application/statuslist+jwt'] })
    await expect(accepting.fetchText(url)).resolves.toMatchObject({ text: 'a.b.c', freshForSeconds: 9 })
    await expect(createFetcher(LOOPBACK).fetchText(url)).rejects.toMatchObject({ reason: 'content_type_refused' })
  })
})
