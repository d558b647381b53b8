import { once } from 'node:events'
import { createConnection } from 'node:net'
import { gzipSync } from 'node:zlib'
import { rawRequest } from '../servers/send-raw.ts'
import type { BodyParser } from './adapter-under-test.ts'
import { CHUNKED, chunked, nextTurn, readBody, sentWith, waitForAll, waitForSome } from './fixtures.ts'
import { type GuardedApp, outcomeOf, type StartGuardedApp } from './guarded-app.ts'

const LARGE = Buffer.alloc(300_000, 'all work and no play ')

/** The content of a request: the bytes of the wire for the guard, and the same bytes for all that reads them behind it. */
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
      expect([outcomeOf(swapped), app.runs.length]).toEqual(['400 digest_mismatch', 0])
      expect((await app.send(post)).status).toBe(200)
    })
  })

  describe('a request that is signed without a digest', () => {
    it.each(['GET', 'POST', 'DELETE'])('passes where chunks bring no content: %s', async (method) => {
      const app = await start()
      const response = await app.send({ method, tamper: sentWith(CHUNKED, chunked()) })
      expect([response.status, JSON.parse(response.text)]).toEqual([200, { agent: 'agt_buyer', body: null }])
    })

    it.each([
      ['at once', (head: string) => [head + chunked('{"amount":9900}').toString()]],
      ['later', (head: string) => [head, chunked('{"amount":9900}').toString()]],
    ])('is refused where chunks bring content: %s', async (_when, parts) => {
      const app = await start()
      const signed = await app.agent.signRequest({ method: 'POST', tamper: sentWith(CHUNKED) })
      const head = rawRequest(signed).toString('latin1')
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

    it('is refused where it is not known in time whether content comes', async () => {
      const app = await start({ options: { maxBodySeconds: 0.05 } })
      const response = await app.send({ method: 'POST', tamper: sentWith(CHUNKED) })
      expect([outcomeOf(response), app.runs.length]).toEqual(['401 coverage_insufficient', 0])
    })
  })
}

const BOUNDARY = 'a-line-between-the-parts'
const FILE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x00, 0xff])

/** Parsers behind the guard find what was sent. */
export function describeParsers<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a parser behind the guard', () => {
    const parse = async (kind: BodyParser, headers: Readonly<Record<string, string>>, body: string | Uint8Array) => {
      const app = await start(({ adapter, verified, handler }) => [verified(), adapter.parser(kind), handler])
      const response = await app.send({ method: 'POST', headers, body })
      return { app, response, run: app.runs[0] }
    }

    it('reads JSON', async () => {
      const { run } = await parse('json', { 'Content-Type': 'application/json' }, '{"item":"blue kettle","qty":2}')
      expect(run?.body).toEqual({ item: 'blue kettle', qty: 2 })
    })

    it('reads JSON that came compressed and was signed so', async () => {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
      const { run } = await parse('json', headers, gzipSync('{"item":"blue kettle","qty":2}'))
      expect(run?.body).toEqual({ item: 'blue kettle', qty: 2 })
    })

    it('reads a form', async () => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
      const { run } = await parse('urlencoded', headers, 'item=blue+kettle&qty=2&note=%C3%A9')
      expect({ ...(run?.body as object) }).toEqual({ item: 'blue kettle', qty: '2', note: 'é' })
    })

    it('reads text', async () => {
      const { run } = await parse('text', { 'Content-Type': 'text/plain; charset=utf-8' }, 'two kettles, blue — please')
      expect(run?.body).toBe('two kettles, blue — please')
    })

    it('reads bytes', async () => {
      const { run } = await parse('raw', { 'Content-Type': 'application/octet-stream' }, FILE)
      expect(Buffer.from(run?.body as Uint8Array).equals(FILE)).toBe(true)
    })

    it('reads parts with files', async () => {
      const { run } = await parse(
        'multipart',
        { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
        multipart(),
      )
      expect({ ...(run?.body as object) }).toEqual({ note: 'a picture' })
      expect(run?.files.map((file) => file.equals(FILE))).toEqual([true])
    })

    it('reads nothing of a request that is refused', async () => {
      const app = await start(({ adapter, verified, handler }) => [verified(), adapter.parser('json'), handler])
      const headers = [['Content-Type', 'application/json']] as const
      const response = await app.sendPlain({ method: 'POST', headers, body: Buffer.from('{"not json') })
      expect([response.status, app.runs.length]).toEqual([401, 0])
    })
  })
}

function multipart(): Buffer {
  const head = [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="note"',
    '',
    'a picture',
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="kettle.png"',
    'Content-Type: image/png',
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head), FILE, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
}
