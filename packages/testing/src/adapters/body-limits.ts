import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createConnection } from 'node:net'
import type { GuardOptions } from '@countermark/core'
import { sendRaw } from '../servers/send-raw.ts'
import type { AdapterExchange } from './adapter-under-test.ts'
import { CHUNKED, chunked, nextTurn, readBody, sentWith, waitForAll } from './fixtures.ts'
import { AUTHORITY, codesOf, type GuardedApp, outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

const LARGE = Buffer.alloc(300_000, 'all work and no play ')

type Wait = (exchange: AdapterExchange) => void | Promise<void>

/** Bodies that a guard must not or cannot hold back. */
export function describeBodyLimits<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a body that cannot be held back', () => {
    const startSmall = (wait: Wait = () => undefined): Promise<GuardedApp> =>
      start({
        options: { maxBodyBytes: 1000 },
        build: ({ adapter, app, guard, checks, handler }) => {
          const read = readBody(() => undefined)
          app.use(adapter.step(wait), guard(read, checks.verify, checks.once), handler)
        },
      })

    it('is refused by its declared length', async () => {
      const app = await startSmall()
      const response = await app.send({ method: 'POST', body: 'x'.repeat(1001) })
      expect([outcomeOf(response), app.runs.length]).toEqual(['413 body_too_large', 0])
      expect((await app.send({ method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200)
    })

    it('is refused by its declared length before any of it came', async () => {
      const app = await startSmall()
      const head = `POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\nContent-Length: 1001\r\n\r\n`
      expect((await sendRaw(app.port, head)).status).toBe(413)
    })

    it('is refused when all of it is here already', async () => {
      const app = await startSmall(waitForAll)
      const response = await app.sendPlain({ method: 'POST', headers: CHUNKED, body: chunked('x'.repeat(1001)) })
      expect(outcomeOf(response)).toBe('413 body_too_large')
    })

    it('is refused once more has come than allowed', async () => {
      const app = await startSmall()
      const body = chunked('x'.repeat(600), 'x'.repeat(600))
      const response = await app.sendPlain({ method: 'POST', headers: CHUNKED, body })
      expect([outcomeOf(response), response.header('connection')]).toEqual(['413 body_too_large', 'close'])
    })

    it('still reaches the handler whole when the guard only observes', async () => {
      const read: number[] = []
      const app = await start({
        options: { maxBodyBytes: 1000, mode: 'observe' },
        build: ({ adapter, guard }) => [
          guard(readBody(() => undefined)),
          adapter.answer(async ({ message }) => void read.push(Buffer.concat(await message.toArray()).length)),
        ],
      })
      await app.sendPlain({ method: 'POST', body: LARGE })
      await app.sendPlain({ method: 'POST', headers: CHUNKED, body: chunked(LARGE.toString('latin1'), 'and more') })
      expect(read).toEqual([LARGE.length, LARGE.length + 8])
      expect(codesOf(app)).toEqual(['body_too_large', 'body_too_large'])
    })

    it.each([
      ['a declared length', `Content-Length: 100\r\n\r\n{"amount":`],
      ['chunks', 'Transfer-Encoding: chunked\r\n\r\n64\r\n{"amount":'],
    ])('is refused when the connection ends early: %s', async (_name, rest) => {
      const app = await startSmall()
      await breakOff(app, rest)
      expect(codesOf(app)).toEqual(['request_malformed'])
      expect(app.runs).toHaveLength(0)
    })

    it('is refused when it does not come in time', async () => {
      const app = await start({ options: { maxBodySeconds: 0.05 } })
      const tamper = sentWith([['Content-Length', '70000']])
      const response = await app.send({ method: 'POST', body: '{"amount":', tamper })
      expect([outcomeOf(response), response.header('connection')]).toEqual(['400 request_malformed', 'close'])
      expect(app.runs).toHaveLength(0)
    })

    it('is refused when the connection ended before the guard', async () => {
      const app = await startSmall(({ message }) => new Promise((resolve) => message.once('close', resolve)))
      await breakOff(app, 'Content-Length: 100\r\n\r\n{"amount":')
      expect(codesOf(app)).toEqual(['request_malformed'])
      expect(app.runs).toHaveLength(0)
    })
  })

  describe('a body that was read before the guard', () => {
    const json = { 'Content-Type': 'application/json' }
    const startBehind = (
      rawBody: NonNullable<GuardOptions['rawBody']>,
      keep: (exchange: AdapterExchange, bytes: Buffer) => void,
    ) =>
      start({
        options: { rawBody },
        build: ({ adapter, verified, handler }) => [
          adapter.step(async (exchange) => keep(exchange, Buffer.concat(await exchange.message.toArray()))),
          verified(),
          handler,
        ],
      })
    const keepAsRawBody = ({ message }: AdapterExchange, bytes: Buffer): void => {
      Object.assign(message, { rawBody: bytes })
    }

    it('is taken from where the host keeps it', async () => {
      const app = await startBehind((message) => message.rawBody, keepAsRawBody)
      expect((await app.send({ method: 'POST', headers: json, body: '{"amount":4200}' })).status).toBe(200)
      const swapped = { sent: { body: Buffer.from('{"amount":9900}') } }
      const refused = await app.send({ method: 'POST', headers: json, body: '{"amount":4200}', tamper: swapped })
      expect([outcomeOf(refused), app.runs.length]).toEqual(['400 digest_mismatch', 1])
    })

    it('is held to its limit there, too', async () => {
      const app = await startBehind((message) => message.rawBody, keepAsRawBody)
      const body = 'x'.repeat(1_048_577)
      expect(problemOf(await app.send({ method: 'POST', body }))['code']).toBe('body_too_large')
    })

    it.each([
      ['nothing', () => undefined],
      ['what a parser made of it', () => ({ amount: 4200 }) as unknown as Uint8Array],
      ['a text', () => '{"amount":4200}' as unknown as Uint8Array],
      [
        'an error',
        () => {
          throw new Error('there is no rawBody')
        },
      ],
    ])('is our fault when %s is kept', async (_name, rawBody) => {
      const app = await startBehind(rawBody, () => undefined)
      const response = await app.send({ method: 'POST', headers: json, body: '{"amount":4200}' })
      expect([outcomeOf(response), app.runs.length]).toEqual(['500 config_error', 0])
    })

    it('does not matter where the guard can read it itself', async () => {
      const app = await start({ options: { rawBody: () => Buffer.from('{"amount":4200}') } })
      const swapped = { sent: { body: Buffer.from('{"amount":9900}') } }
      const refused = await app.send({ method: 'POST', headers: json, body: '{"amount":4200}', tamper: swapped })
      expect([problemOf(refused)['code'], app.runs.length]).toEqual(['digest_mismatch', 0])
    })

    it('is our fault, not the caller’s: config_error', async () => {
      const app = await start(({ adapter, verified, handler }) => [adapter.parser('json'), verified(), handler])
      const response = await app.send({ method: 'POST', headers: json, body: '{}' })
      expect([outcomeOf(response), app.runs.length]).toEqual(['500 config_error', 0])
    })

    it('does not matter where there is none', async () => {
      const app = await start(({ adapter, verified, handler }) => [adapter.parser('json'), verified(), handler])
      expect((await app.send({})).status).toBe(200)
    })

    it('counts as read when it was made text', async () => {
      const app = await start(({ adapter, verified, handler }) => [
        adapter.step(async (exchange) => {
          exchange.message.setEncoding('utf8')
          await waitForAll(exchange)
        }),
        verified(),
        handler,
      ])
      expect((await app.send({ method: 'POST', body: '{}' })).status).toBe(500)
    })
  })
}

/** Begins a request, leaves in the middle of its body, and waits until the server has noticed. */
async function breakOff(app: GuardedApp, rest: string): Promise<void> {
  const socket = createConnection(app.port, '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n${rest}`)
  const [message]: readonly IncomingMessage[] = await once(app.server, 'request')
  const closed = new Promise((resolve) => message?.once('close', resolve))
  socket.destroy()
  await closed
  await nextTurn()
}
