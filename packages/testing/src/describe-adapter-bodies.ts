import { once } from 'node:events'
import { createConnection } from 'node:net'
import { gzipSync } from 'node:zlib'
import { CHUNKED, chunked, nextTurn, waitForAll, waitForSome } from './adapter-case-bodies.ts'
import { readBody } from './adapter-case-checks.ts'
import { type GuardedApp, problemOf, type StartGuardedApp } from './guarded-app.ts'
import { rawRequest, sendRaw } from './send-raw.ts'

const LARGE = Buffer.alloc(300_000, 'all work and no play ')

/** The content of a request: the bytes of the wire for the guard, and the same bytes for everybody behind it. */
export function describeBodies<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe.each([
    ['before anything came', undefined],
    ['when everything is here', waitForAll],
    ['when a part is here', waitForSome],
  ] as const)('a body that the guard asks for %s', (_when, wait) => {
    const startReading = async (): Promise<{
      readonly app: GuardedApp
      readonly seen: Buffer[]
      readonly read: Buffer[]
    }> => {
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

    it('may be empty for a parser, too', async () => {
      const app = await start({
        build: ({ adapter, app, guard, handler }) => {
          if (wait !== undefined) app.use(adapter.step(wait))
          app.use(guard.with({ mode: 'observe' })(readBody(() => undefined)))
          app.use(adapter.step(nextTurn), adapter.parser('text'), handler)
        },
      })
      const headers = [...CHUNKED, ['Content-Type', 'text/plain'] as const]
      expect((await app.sendPlain({ method: 'POST', headers, body: chunked() })).status).toBe(200)
    })

    it('may be asked for by two guards', async () => {
      const seen: string[] = []
      const promptly: boolean[] = []
      const app = await start({
        build: ({ adapter, app, guard, checks, handler }) => {
          if (wait !== undefined) app.use(adapter.step(wait))
          const read = readBody((bytes, atOnce) => {
            seen.push(Buffer.from(bytes).toString())
            promptly.push(atOnce)
          })
          app.use(guard(checks.verify, checks.once, read), guard(read), adapter.parser('json'), handler)
        },
      })
      const json = { 'Content-Type': 'application/json' }
      const response = await app.send({ method: 'POST', headers: json, body: '{"amount":4200}' })
      expect([seen, JSON.parse(response.text)]).toEqual([
        ['{"amount":4200}', '{"amount":4200}'],
        { agent: 'agt_buyer', body: { amount: 4200 } },
      ])
      expect(promptly.at(-1)).toBe(true)
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

  describe('a request that is signed without a digest', () => {
    it.each(['GET', 'POST', 'DELETE'])('passes where chunks bring no content: %s', async (method) => {
      const app = await start()
      const signed = await app.agent.signRequest({ method })
      const headerLines = [...signed.headerLines, ...CHUNKED]
      const response = await sendRaw(app.port, rawRequest({ ...signed, headerLines, body: chunked() }))
      expect([response.status, JSON.parse(response.text)]).toEqual([200, { agent: 'agt_buyer', body: null }])
    })

    it.each([
      ['at once', (head: string) => [head + chunked('{"amount":9900}').toString()]],
      ['later', (head: string) => [head, chunked('{"amount":9900}').toString()]],
    ])('is refused where chunks bring content: %s', async (_when, parts) => {
      const app = await start()
      const signed = await app.agent.signRequest({ method: 'POST' })
      const head = rawRequest({ ...signed, headerLines: [...signed.headerLines, ...CHUNKED] }).toString('latin1')
      const socket = createConnection(app.port, '127.0.0.1')
      const reached = once(app.server, 'request')
      const [first = '', ...others] = parts(head)
      socket.write(first)
      await reached
      for (const other of others) socket.write(other)
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1\.1 401 [\s\S]*"code":"coverage_insufficient"/)
      socket.destroy()
      expect(app.runs).toHaveLength(0)
    })

    it('is refused where nobody can tell in time whether content comes', async () => {
      const app = await start({ options: { maxBodySeconds: 0.05 } })
      const signed = await app.agent.signRequest({ method: 'POST' })
      const headerLines = [...signed.headerLines, ...CHUNKED]
      const response = await sendRaw(app.port, rawRequest({ ...signed, headerLines }))
      expect([response.status, problemOf(response)['code'], app.runs.length]).toEqual([401, 'coverage_insufficient', 0])
    })
  })
}
