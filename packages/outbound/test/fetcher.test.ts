import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { createFetcher, type FetcherOptions, isOutboundError } from '../src/index.ts'
import type { JsonDocument } from '../src/internal.ts'
import { type FaultServer, startHttpServer, startHttpsServer, startTcpServer } from './fault-server.ts'
import { createSelfSigned } from './self-signed.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const

const servers: FaultServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function fetchFrom(listener: RequestListener, options: FetcherOptions = {}): Promise<JsonDocument> {
  const server = await startHttpServer(listener)
  servers.push(server)
  return createFetcher({ ...LOOPBACK, ...options }).fetchJson(server.url)
}

async function fetchRaw(answer: (socket: Socket) => void, options: FetcherOptions = {}): Promise<JsonDocument> {
  const server = await startTcpServer(answer)
  servers.push(server)
  return createFetcher({ ...LOOPBACK, ...options }).fetchJson(server.url)
}

function json(response: ServerResponse, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
}

describe('a fetcher', () => {
  it('gives the document, its text, its headers and how long it is fresh', async () => {
    const document = await fetchFrom((_request, response) =>
      json(response, '{"a":1}', { 'cache-control': 'max-age=60', 'x-other': 'yes' }),
    )
    expect(document).toMatchObject({ value: { a: 1 }, text: '{"a":1}', freshForSeconds: 60 })
    expect(document.header('x-other')).toBe('yes')
  })

  it('sends what it accepts, the given headers, and closes the connection', async () => {
    const { value } = await fetchFrom((request, response) => json(response, JSON.stringify(request.headers)), {
      headers: { authorization: 'Bearer x' },
      contentTypes: ['application/json', 'application/jwk-set+json'],
    })
    expect(value).toMatchObject({
      accept: 'application/json, application/jwk-set+json',
      authorization: 'Bearer x',
      connection: 'close',
    })
  })

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('undoes %s', async (coding, compress) => {
    const body = compress(Buffer.from('{"a":1}'))
    const { value } = await fetchFrom((_request, response) => json(response, body, { 'content-encoding': coding }))
    expect(value).toEqual({ a: 1 })
  })

  it('accepts a media type with parameters in any case', async () => {
    const { value } = await fetchFrom((_request, response) =>
      json(response, '[]', { 'content-type': 'Application/JSON; charset=utf-8' }),
    )
    expect(value).toEqual([])
  })

  it('fetches over https from a host whose authority it was told to trust', async () => {
    const certificate = createSelfSigned()
    const server = await startHttpsServer(certificate, (_request, response) => json(response, '{"tls":true}'))
    servers.push(server)
    const trusting = createFetcher({ allowPrivateAddresses: true, ports: 'any', ca: certificate.cert })
    await expect(trusting.fetchJson(server.url)).resolves.toMatchObject({ value: { tls: true } })
    await expect(trusting.fetchJson(server.url.replace('127.0.0.1', 'localhost'))).resolves.toBeDefined()
    const strict = createFetcher({ allowPrivateAddresses: true, ports: 'any' })
    await expect(strict.fetchJson(server.url)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('checks that the certificate names the host, not the address that was dialled', async () => {
    const certificate = createSelfSigned()
    const server = await startHttpsServer(certificate, (_request, response) => json(response, '{}'))
    servers.push(server)
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const fetcher = createFetcher({ allowPrivateAddresses: true, ports: 'any', ca: [certificate.cert], resolve })
    await expect(fetcher.fetchJson(`https://agents.example:${server.port}/`)).rejects.toMatchObject({
      reason: 'connection_failed',
    })
  })
})

describe('a fetcher before a faulty server', () => {
  it.each([301, 302, 303, 307, 308, 304])('does not follow status %d', async (status) => {
    const canary = await startHttpServer((_request, response) => json(response, '{}'))
    servers.push(canary)
    const answer = fetchFrom((_request, response) => void response.writeHead(status, { location: canary.url }).end())
    await expect(answer).rejects.toMatchObject({ reason: 'redirected', status })
    expect(canary.connections()).toBe(0)
  })

  it.each([201, 204, 206, 400, 401, 404, 410, 500, 502, 503])('accepts 200 only, not %d', async (status) => {
    const answer = fetchFrom((_request, response) => void response.writeHead(status).end())
    await expect(answer).rejects.toMatchObject({ reason: 'status_refused', status })
  })

  it('hands on when another try is welcome', async () => {
    const answer = fetchFrom((_request, response) => void response.writeHead(503, { 'retry-after': '120' }).end())
    await expect(answer).rejects.toMatchObject({ retryAfterSeconds: 120 })
  })

  it.each(['text/html', 'text/plain', 'application/jsonp', ''])('refuses content of type %j', async (type) => {
    const answer = fetchFrom((_request, response) => json(response, '{}', { 'content-type': type }))
    await expect(answer).rejects.toMatchObject({ reason: 'content_type_refused' })
  })

  it.each([
    ['not JSON', '{"a":', 'malformed'],
    ['nothing', '', 'malformed'],
    ['not UTF-8', Buffer.from('22ff22', 'hex'), 'malformed'],
    ['nested too deep', `${'['.repeat(9)}${']'.repeat(9)}`, 'too_deep'],
    ['nested ten thousand deep', '['.repeat(10_000), 'too_deep'],
  ])('refuses a body that is %s', async (_name, body, reason) => {
    await expect(fetchFrom((_request, response) => json(response, body))).rejects.toMatchObject({ reason })
  })

  it('refuses a body one byte over the limit, and takes one at the limit', async () => {
    const options = { maxBytes: 100 }
    const atLimit = fetchFrom((_request, response) => json(response, `"${'a'.repeat(98)}"`), options)
    await expect(atLimit).resolves.toBeDefined()
    const over = fetchFrom((_request, response) => json(response, `"${'a'.repeat(99)}"`), options)
    await expect(over).rejects.toMatchObject({ reason: 'too_large' })
  })

  it('stops reading 64 MB without a stated length', async () => {
    const server = await startHttpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const block = Buffer.alloc(65_536, 0x20)
      let left = 1_024
      const send = (): void => {
        while (left-- > 0 && response.write(block));
      }
      response.on('drain', send)
      send()
    })
    await expect(createFetcher(LOOPBACK).fetchJson(server.url)).rejects.toMatchObject({ reason: 'too_large' })
    await server.close()
    expect(server.bytesSent()).toBeLessThan(16_777_216)
  })

  it('does not inflate a bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(52_428_800))
    const answer = fetchFrom((_request, response) => json(response, bomb, { 'content-encoding': 'gzip' }))
    await expect(answer).rejects.toMatchObject({ reason: 'too_large' })
  })

  it('does not read compressed bytes for ever that decode to nothing', async () => {
    const empty = gzipSync(Buffer.alloc(0))
    const answer = fetchFrom((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      response.end(Buffer.concat(Array.from({ length: 20_000 }, () => empty)))
    })
    await expect(answer).rejects.toMatchObject({ reason: 'too_large' })
  })

  it.each([
    ['a coding it does not know', 'zstd', '{}'],
    ['a coding named like a prototype member', '__proto__', '{}'],
    ['two codings', 'gzip, gzip', '{}'],
    ['a coding it does not have', 'gzip', '{}'],
    ['a broken stream', 'br', 'xxxxxxxx'],
  ])('refuses %s', async (_name, coding, body) => {
    const answer = fetchFrom((_request, response) => json(response, body, { 'content-encoding': coding }))
    await expect(answer).rejects.toMatchObject({ reason: 'malformed' })
  })

  it.each([
    [
      'ends before the stated length',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}',
    ],
    [
      'ends inside a chunk',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{}',
    ],
    ['ends inside the headers', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['says nothing', ''],
  ])('reports a connection that %s', async (_name, bytes) => {
    const answer = fetchRaw((socket) => void socket.end(bytes))
    await expect(answer).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it.each([
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.0\r\n'],
    ['has two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'],
    ['has endless headers', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
  ])('reports an answer that %s', async (_name, bytes) => {
    await expect(fetchRaw((socket) => void socket.end(bytes))).rejects.toMatchObject({ reason: 'malformed' })
  })

  it('reports a reset in mid-body', async () => {
    const answer = fetchRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{')
      setImmediate(() => socket.resetAndDestroy())
    })
    await expect(answer).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('reports a port where no server listens', async () => {
    const server = await startHttpServer(() => {})
    await server.close()
    await expect(createFetcher(LOOPBACK).fetchJson(server.url)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('reports a name that does not exist', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }))
    const fetcher = createFetcher({ resolve })
    await expect(fetcher.fetchJson('https://agents.example/')).rejects.toMatchObject({ reason: 'dns_failed' })
  })
})

describe('the deadline of a fetcher', () => {
  const deadlineMs = 150

  it.each([
    ['never answers', () => {}],
    ['trickles headers', (socket: Socket) => trickle(socket, 'HTTP/1.1 200 OK\r\nx: ')],
    [
      'trickles its body',
      (socket: Socket) =>
        trickle(socket, 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n'),
    ],
  ])('holds for a server that %s', async (_name, answer) => {
    const before = performance.now()
    await expect(fetchRaw(answer, { deadlineMs })).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    expect(performance.now() - before).toBeLessThan(deadlineMs + 500)
  })

  it('is three seconds unless said otherwise', async () => {
    const before = performance.now()
    await expect(fetchRaw(() => {})).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    expect(Math.round((performance.now() - before) / 1_000)).toBe(3)
  })

  it('ends the connection', async () => {
    let socketOf: Socket | undefined
    await expect(
      fetchRaw(
        (socket) => {
          socketOf = socket
        },
        { deadlineMs },
      ),
    ).rejects.toBeDefined()
    await new Promise((resolve) => (socketOf?.destroyed === true ? resolve(0) : socketOf?.once('close', resolve)))
    expect(socketOf?.destroyed).toBe(true)
  })

  it('gives way to a signal of the caller', async () => {
    const controller = new AbortController()
    const server = await startTcpServer(() => controller.abort())
    servers.push(server)
    const answer = createFetcher(LOOPBACK).fetchJson(server.url, controller.signal)
    await expect(answer).rejects.toMatchObject({ reason: 'closed' })
    await expect(createFetcher(LOOPBACK).fetchJson(server.url, controller.signal)).rejects.toMatchObject({
      reason: 'closed',
    })
  })
})

describe('a thousand resets in mid-body', () => {
  it('leave no unhandled rejection and no open connection', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const server = await startTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{')
      setImmediate(() => socket.resetAndDestroy())
    })
    const fetcher = createFetcher(LOOPBACK)
    for (let round = 0; round < 20; round++) {
      const answers = Array.from({ length: 50 }, () => fetcher.fetchJson(server.url))
      const results = await Promise.allSettled(answers)
      expect(results.every((result) => result.status === 'rejected')).toBe(true)
    }
    await server.close()
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    expect(server.connections()).toBe(1_000)
  })
})

function trickle(socket: Socket, start: string): void {
  socket.write(start)
  const timer = setInterval(() => socket.write('a'), 20)
  socket.once('close', () => clearInterval(timer))
}

describe('an outbound error', () => {
  it('is recognised across copies of this package, and says nothing of where it went', async () => {
    const error = await createFetcher({ deadlineMs: 500 })
      .fetchJson('https://10.1.2.3/secret')
      .catch((cause) => cause)
    const stranger = Object.defineProperty(new Error('x'), Symbol.for('countermark.outbound-error'), { value: true })
    expect([
      isOutboundError(error),
      isOutboundError(stranger),
      isOutboundError(new Error('x')),
      isOutboundError(null),
    ]).toEqual([true, true, false, false])
    expect(error.message).not.toMatch(/10\.1|secret/)
  })
})

describe('the options of a fetcher', () => {
  it.each([
    ['an unknown option', { allowHTTP: true }],
    ['a limit that is no number', { maxBytes: Number.NaN }],
    ['a limit of nothing', { deadlineMs: 0 }],
    ['a switch out of an environment variable', { allowHttp: 'false' }],
    ['a port that cannot be', { ports: [0] }],
    ['an option without effect beside fetch', { fetch: () => {}, resolve: () => {} }],
  ])('refuse %s', (_name, options) => {
    expect(() => createFetcher(options as FetcherOptions)).toThrow(TypeError)
  })
})
