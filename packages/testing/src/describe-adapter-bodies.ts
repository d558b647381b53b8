import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createConnection } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { HeaderField } from '@countermark/core'
import { readBody } from './adapter-case-checks.ts'
import type { AdapterExchange } from './adapter-under-test.ts'
import { AUTHORITY, problemOf, type StartGuardedApp } from './guarded-app.ts'

const CHUNKED: readonly HeaderField[] = [['Transfer-Encoding', 'chunked']]
const LARGE = Buffer.alloc(300_000, 'all work and no play ')

/** The content of a request: the bytes of the wire for the guard, and the same bytes for everybody behind it. */
export function describeBodies<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe.each([
    ['before anything came', undefined],
    ['when everything is here', waitForAll],
    ['when a part is here', waitForSome],
  ] as const)('a body that the guard asks for %s', (_when, wait) => {
    const startReading = async (): Promise<{ readonly app: App; readonly seen: Buffer[]; readonly read: Buffer[] }> => {
      const seen: Buffer[] = []
      const read: Buffer[] = []
      const app = await start({
        build: ({ adapter, app, guard }) => {
          if (wait !== undefined) app.use(adapter.step(wait))
          app.use(guard.with({ mode: 'observe' })(readBody((bytes) => void seen.push(Buffer.from(bytes)))))
          app.use(adapter.answer(async ({ message }) => void read.push(Buffer.concat(await message.toArray()))))
        },
      })
      return { app, seen, read }
    }

    it.each([
      ['JSON', {}, Buffer.from('{"amount":4200}')],
      ['gzip', { 'Content-Encoding': 'gzip' }, gzipSync('{"amount":4200}')],
      ['bytes that are no UTF-8', {}, Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x80, 0x7d])],
      ['more than a stream buffers', {}, LARGE],
    ] as const)('is its bytes on the wire, and still there for the handler: %s', async (_name, headers, body) => {
      const { app, seen, read } = await startReading()
      await app.sendPlain({ method: 'POST', headers: Object.entries(headers), body })
      expect([seen, read].map((list) => list.map((bytes) => bytes.equals(body)))).toEqual([[true], [true]])
    })

    it('is its content without the chunks around it', async () => {
      const { app, seen, read } = await startReading()
      await app.sendPlain({ method: 'POST', headers: CHUNKED, body: chunked('first ', 'second') })
      expect([seen, read].map(String)).toEqual(['first second', 'first second'])
    })

    it('may come with a GET', async () => {
      const { app, seen, read } = await startReading()
      await app.sendPlain({ method: 'GET', body: Buffer.from('{"amount":1}') })
      expect([seen, read].map(String)).toEqual(['{"amount":1}', '{"amount":1}'])
    })

    it.each([
      ['no content', [], undefined],
      ['Content-Length: 0', [['Content-Length', '0']], undefined],
      ['chunks without content', CHUNKED, chunked()],
    ] as const)('may be empty: %s', async (_name, headers, body) => {
      const { app, seen, read } = await startReading()
      const input = { method: 'POST', headers, ...(body === undefined ? {} : { body }) }
      expect((await app.sendPlain(input)).status).toBe(200)
      expect([seen, read].map((list) => list.map(({ length }) => length))).toEqual([[0], [0]])
    })

    it('may be asked for by two guards', async () => {
      const seen: string[] = []
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          if (wait !== undefined) app.use(adapter.step(wait))
          const read = readBody((bytes) => void seen.push(Buffer.from(bytes).toString()))
          app.use(guard(checks.verify, checks.once, read), guard(read), adapter.parser('json'), handler)
        },
      })
      const json = { 'Content-Type': 'application/json' }
      const response = await app.send({ method: 'POST', headers: json, body: '{"amount":4200}' })
      expect([seen, JSON.parse(response.text)]).toEqual([
        ['{"amount":4200}', '{"amount":4200}'],
        { agent: 'agt_buyer', body: { amount: 4200 } },
      ])
    })

    it('must match its digest', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          if (wait !== undefined) app.use(adapter.step(wait))
          app.use(guard(checks.verify, checks.once), handler)
        },
      })
      const post = { method: 'POST', body: '{"amount":4200}' }
      const swapped = await app.send({ ...post, tamper: { sent: { body: Buffer.from('{"amount":9900}') } } })
      expect([swapped.status, problemOf(swapped)['code'], app.runs.length]).toEqual([400, 'digest_mismatch', 0])
      expect((await app.send(post)).status).toBe(200)
    })
  })

  describeLimits(start)
}

type App = Awaited<ReturnType<StartGuardedApp<unknown>>>

function describeLimits<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a body that cannot be held back', () => {
    const startSmall = (): Promise<App> =>
      start({
        options: { maxBodyBytes: 1000 },
        build: ({ app, guard, checks, handler }) => {
          app.use(
            guard(
              readBody(() => undefined),
              checks.verify,
              checks.once,
            ),
            handler,
          )
        },
      })

    it('is refused by its declared length', async () => {
      const app = await startSmall()
      const response = await app.send({ method: 'POST', body: 'x'.repeat(1001) })
      expect([response.status, problemOf(response)['code'], app.runs.length]).toEqual([413, 'body_too_large', 0])
      expect((await app.send({ method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200)
    })

    it('is refused once more has come than allowed', async () => {
      const app = await startSmall()
      const body = chunked('x'.repeat(600), 'x'.repeat(600))
      const response = await app.sendPlain({ method: 'POST', headers: CHUNKED, body })
      expect([response.status, problemOf(response)['code'], response.header('connection')]).toEqual([
        413,
        'body_too_large',
        'close',
      ])
    })

    it('still reaches the handler whole when the guard only observes', async () => {
      const read: number[] = []
      const app = await start({
        options: { maxBodyBytes: 1000, mode: 'observe' },
        build: ({ adapter, app, guard }) => {
          app.use(guard(readBody(() => undefined)))
          app.use(adapter.answer(async ({ message }) => void read.push(Buffer.concat(await message.toArray()).length)))
        },
      })
      await app.sendPlain({ method: 'POST', body: LARGE })
      await app.sendPlain({ method: 'POST', headers: CHUNKED, body: chunked(LARGE.toString('latin1'), 'and more') })
      expect(read).toEqual([LARGE.length, LARGE.length + 8])
      expect(app.observer.decisions.map(({ refusal }) => refusal?.code)).toEqual(['body_too_large', 'body_too_large'])
    })

    it.each([
      ['a declared length', `Content-Length: 100\r\n\r\n{"amount":`],
      ['chunks', 'Transfer-Encoding: chunked\r\n\r\n64\r\n{"amount":'],
    ])('is refused when the connection ends early: %s', async (_name, rest) => {
      const app = await startSmall()
      const socket = createConnection(app.port, '127.0.0.1')
      socket.write(`POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n${rest}`)
      const [message]: readonly IncomingMessage[] = await once(app.server, 'request')
      const closed = new Promise((resolve) => message?.once('close', resolve))
      socket.destroy()
      await closed
      await nextTurn()
      expect(app.observer.decisions.map(({ refusal }) => refusal?.code)).toEqual(['request_malformed'])
      expect(app.runs).toHaveLength(0)
    })
  })

  describe('a body that something else read first', () => {
    it('is our fault, not the caller’s: config_error', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          app.use(adapter.parser('json'), guard(checks.verify, checks.once), handler)
        },
      })
      const json = { 'Content-Type': 'application/json' }
      const response = await app.send({ method: 'POST', headers: json, body: '{}' })
      expect([response.status, problemOf(response)['code'], app.runs.length]).toEqual([500, 'config_error', 0])
    })

    it('does not matter where there is none', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          app.use(adapter.parser('json'), guard(checks.verify, checks.once), handler)
        },
      })
      expect((await app.send({})).status).toBe(200)
    })

    it('counts as read when it was made text', async () => {
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          app.use(
            adapter.step(async (exchange) => {
              exchange.message.setEncoding('utf8')
              await waitForAll(exchange)
            }),
          )
          app.use(guard(checks.verify, checks.once), handler)
        },
      })
      expect((await app.send({ method: 'POST', body: '{}' })).status).toBe(500)
    })
  })
}

/** Goes on when the whole request has come; what does not fit into the stream's buffer cannot come before it is read. */
async function waitForAll({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength < message.readableHighWaterMark) await nextTurn()
}

/** Goes on when the first bytes of the body have come. */
async function waitForSome({ message }: AdapterExchange): Promise<void> {
  while (!message.complete && message.readableLength === 0) await nextTurn()
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function chunked(...chunks: readonly string[]): Buffer {
  const framed = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  return Buffer.from(framed.join(''), 'latin1')
}
