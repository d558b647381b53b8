import { gzipSync } from 'node:zlib'
import { CHUNKED, chunked, nextTurn, waitForAll, waitForSome } from './adapter-case-bodies.ts'
import { readBody } from './adapter-case-checks.ts'
import { type GuardedApp, problemOf, type StartGuardedApp } from './guarded-app.ts'

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
}
