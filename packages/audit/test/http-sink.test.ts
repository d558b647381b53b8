import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { findFreePort, type StartedServer, startServer } from '@countermark/testing'
import { type HttpSinkOptions, httpSink } from '../src/sinks.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly lines: readonly string[]
}

/** Answers one status after the other, the last one for ever. */
function receiver(statuses: readonly number[] = [204]): {
  readonly received: Received[]
  readonly handler: RequestListener
} {
  const received: Received[] = []
  return {
    received,
    handler: (request, response) => {
      void buffer(request).then((bytes) => {
        const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
        received.push({ headers: request.headers, lines: text.toString('utf8').split('\n').slice(0, -1) })
        response
          .writeHead(statuses[Math.min(received.length, statuses.length) - 1] ?? 500, { 'retry-after': '7' })
          .end()
      })
    },
  }
}

const NO_WAIT = { allowHttp: true, delay: async () => undefined } as const

describeAuditSink('http', { durable: true, repeated: 'told' }, async () => {
  const { received, handler } = receiver()
  const port = await findFreePort()
  const listen = (server: ReturnType<typeof createServer>): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  let server = createServer(handler)
  await listen(server)
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const sink = httpSink({ url: `http://127.0.0.1:${port}/audit`, ...NO_WAIT })
  const isOf = (line: string, chain: string): boolean => JSON.parse(line).chain === chain
  return {
    sink,
    read: async (chain) => received.flatMap(({ lines }) => lines).filter((line) => isOf(line, chain)),
    breakDown: stop,
    recover: async () => {
      server = createServer(handler)
      await listen(server)
    },
    close: stop,
  }
})

describe('httpSink', () => {
  const records = sealedRecords({ chain: 'a b', count: 5 })
  const servers: StartedServer[] = []
  const serve = async (handler: RequestListener): Promise<StartedServer> => {
    const server = await startServer(handler)
    servers.push(server)
    return server
  }
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())))

  async function start(statuses: readonly number[], options: Partial<HttpSinkOptions> = {}) {
    const { received, handler } = receiver(statuses)
    const server = await serve(handler)
    const waits: number[] = []
    const delay = async (ms: number): Promise<void> => void waits.push(ms)
    return { received, waits, sink: httpSink({ url: server.origin, allowHttp: true, delay, ...options }) }
  }

  it('posts lines of JSON with a name for the batch and the headers it was given', async () => {
    let calls = 0
    const { received, sink } = await start([204], { headers: () => ({ authorization: `Bearer ${++calls}` }) })
    await sink.append(records)
    expect(received[0]?.lines).toEqual(records.map(({ line }) => line))
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'idempotency-key': '"a%20b/1-5"',
      authorization: 'Bearer 1',
    })
  })

  it('cuts into batches by number, size and chain, in order', async () => {
    const { received, sink } = await start([204], { maxRecords: 2 })
    await sink.append([...records, ...sealedRecords({ chain: 'other', count: 1 })])
    expect(received.map(({ headers }) => headers['idempotency-key'])).toEqual([
      '"a%20b/1-2"',
      '"a%20b/3-4"',
      '"a%20b/5-5"',
      '"other/1-1"',
    ])
    const small = await start([204], { maxBytes: 10 })
    await small.sink.append(records)
    expect(small.received).toHaveLength(5)
  })

  it('compresses when told to', async () => {
    const { received, sink } = await start([204], { compression: 'gzip' })
    await sink.append(records)
    expect(received[0]?.headers['content-encoding']).toBe('gzip')
    expect(received[0]?.lines).toEqual(records.map(({ line }) => line))
  })

  it('tries again with the same name, waiting longer each time, at least as long as it is asked to', async () => {
    const { received, waits, sink } = await start([500, 503, 204])
    await sink.append(records)
    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(waits).toEqual([7000, 7000])
    const again = await start([429, 500, 500, 200], { attempts: 4, backoffMs: 5000 })
    await again.sink.append(records)
    expect(again.waits).toEqual([7000, 10_000, 20_000])
  })

  it('gives up after its attempts, and at once when another attempt would mend nothing', async () => {
    const passing = await start([503])
    await expect(passing.sink.append(records)).rejects.toThrow('answered 503')
    expect(passing.received).toHaveLength(3)
    for (const status of [400, 401, 413]) {
      const lasting = await start([status])
      await expect(lasting.sink.append(records)).rejects.toThrow(`answered ${status}`)
      expect(lasting.received).toHaveLength(1)
    }
  })

  it('follows no redirect', async () => {
    const redirecting = await start([302])
    await expect(redirecting.sink.append(records)).rejects.toThrow('the receiver cannot be reached')
    expect(redirecting.received.length).toBeLessThanOrEqual(3)
  })

  it('waits for a silent receiver no longer than its deadline', async () => {
    const server = await serve(() => undefined)
    const sink = httpSink({ url: server.origin, ...NO_WAIT, deadlineMs: 20, attempts: 2 })
    await expect(sink.append(records)).rejects.toThrow('cannot be reached')
  })

  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { url: 'http://siem.example.com' }],
    ['ERR_OPTION_INVALID', { url: 'siem.example.com' }],
    ['ERR_OPTION_INVALID', { url: 'https://siem.example.com', compression: 'br' }],
    ['ERR_OPTION_INVALID', { url: 'https://siem.example.com', attempts: 0 }],
    ['ERR_OPTION_UNKNOWN', { url: 'https://siem.example.com', retries: 3 }],
  ])('does not start: %s', (code, options) => {
    expect(() => httpSink(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
