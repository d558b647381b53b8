import type { IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { HeaderField } from '@countermark/core'
import {
  type AdapterUnderTest,
  createFakeClock,
  type RawResponse,
  type RequestToSign,
  rawRequest,
  type SignedRequest,
  sendRaw,
} from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import type { AdapterExchange } from '../../packages/testing/src/adapters/adapter-under-test.ts'
import { type GuardedApp, problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAttacker('Express', expressAdapter(express))
describeAttacker('Koa', koaAdapter(Koa))

function describeAttacker<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`an attacker of ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    const forged = { tamper: { signature: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) } }

    it.each<[string, RequestToSign]>([
      ['a signature', {}],
      ['the algorithm of the key', { alg: 'ed25519' }],
      ['another algorithm', { alg: 'ecdsa-p256-sha256' }],
      ['yet another algorithm', { alg: 'rsa-pss-sha512' }],
      ['a simple signature', { form: 'simple-v1' }],
      ['a body', { method: 'POST', body: '{"amount":4200}' }],
      ['a Web Bot Auth signature', { tag: 'web-bot-auth', components: ['@authority'] }],
    ])('cannot learn with %s which agents and keys exist, where errorDetail is minimal', async (_what, request) => {
      const app = await start({ options: { errorDetail: 'minimal' } })
      const known = await app.send({ ...request, ...forged })
      const unknown = await app.send({ ...request, ...forged, agentId: 'agt_nobody', keyId: 'unknown-key' })
      expect([known.status, comparable(known)]).toEqual([401, comparable(unknown)])
    })

    it.each([
      ['at once', undefined],
      ['before the guard reads', untilComplete],
    ])('cannot make our fault of a large body that comes %s', async (_when, wait) => {
      const app = await start({
        options: { maxBodyBytes: 10 },
        build: ({ adapter: { step }, app, guard, checks, handler }) => {
          if (wait !== undefined) app.use(step(wait))
          app.use(guard.with({ mode: 'observe' })(checks.verify, checks.once))
          app.use(guard(checks.verify, checks.once), handler)
        },
      })
      const sent = { body: chunked('{"amount":4200}') }
      const response = await app.send({ method: 'POST', headers: CHUNKED, body: '{"amount":4200}', tamper: { sent } })
      expect([response.status, app.warnings, app.runs.length]).toEqual([413, [], 0])
    })

    it('cannot use the room of one guard for a body that another finds too large', async () => {
      const app = await start({
        build: ({ adapter: { createGuard }, app, guard, checks, handler }) => {
          const strict = createGuard({ origins: ['api.example.com'], maxBodyBytes: 10 })
          app.use(guard.with({ mode: 'observe' })(checks.verify, checks.once))
          app.use(strict(checks.verify, checks.once), handler)
        },
      })
      const response = await app.send({ method: 'POST', body: '{"amount":4200}' })
      expect([response.status, app.runs.length]).toEqual([413, 0])
    })

    it.each([
      ['unpacked what was signed packed', 'Content-Encoding', 'gzip'],
      ['done what was not asked', 'X-HTTP-Method-Override', 'DELETE'],
      ['done what was not asked, in an older spelling', 'X-HTTP-Method', 'DELETE'],
      ['done what was not asked, in a third spelling', 'X-Method-Override', 'DELETE'],
    ])('cannot have %s: %s added on the way', async (_what, name, value) => {
      const app = await start()
      const tamper = { headerLines: (lines: readonly HeaderField[]) => [...lines, [name, value] as const] }
      const response = await app.send({ method: 'POST', body: gzipSync('{"amount":4200}'), tamper })
      expect([problemOf(response)['code'], app.runs.length]).toEqual(['coverage_insufficient', 0])
    })

    it.each<[string, Partial<RequestToSign>]>([
      ['as it was', {}],
      ['with a field added', { tamper: { headerLines: (lines) => [...lines, ['Idempotency-Key', '1']] } }],
      ['with a query added', { tamper: { sent: { target: '/orders?all' } } }],
      ['with a body added', { tamper: { sent: { body: Buffer.from('{}') } } }],
    ])('cannot replay a Web Bot Auth request once it is too old to count as signed: %s', async (_how, change) => {
      const clock = createFakeClock()
      const app = await start({ options: { clock } })
      const created = clock.seconds()
      const once = { target: '/orders', tag: 'web-bot-auth', created, expires: created + 3600, nonce: 'only-once' }
      const first = await app.send(once)
      clock.advance(600_000)
      const second = await app.send({ ...once, ...change })
      expect([first.status, second.status, app.runs.length]).toEqual([200, 401, 1])
    })

    describe('with a copy of a request that carries several signatures', () => {
      const order = { method: 'POST', target: '/orders', body: '{"amount":4200}' }

      it.each<[string, Partial<RequestToSign>, string]>([
        ['the first alone', {}, 'a'],
        ['the second alone', {}, 'b'],
        ['the second alone, which has the nonce of the first', { nonce: 'of-both' }, 'b'],
        ['the second alone, which only says who sends', { tag: 'web-bot-auth', components: ['@authority'] }, 'b'],
      ])('cannot present %s', async (_which, other, kept) => {
        const app = await start({ options: { minimumLevel: { unsafe: 'identified' } } })
        const signed = [
          await app.agent.signRequest({ ...order, nonce: other.nonce ?? 'of-the-first', label: 'a' }),
          await app.agent.signRequest({ ...order, ...other, label: 'b' }),
        ]
        const first = await sendSigned(app, signed)
        const second = await sendSigned(app, signed, kept)
        expect([first.status, problemOf(second)['code'], app.runs.length]).toEqual([200, 'replay_detected', 1])
      })

      it('cannot add so many that one of them goes unnoticed', async () => {
        const app = await start()
        const signed = await Promise.all(['a', 'b', 'c'].map((label) => app.agent.signRequest({ ...order, label })))
        const response = await sendSigned(app, signed)
        expect([problemOf(response)['code'], app.runs.length]).toEqual(['signature_malformed', 0])
      })
    })

    it.each([
      ['If-Unmodified-Since', 'Sat, 29 Oct 1994 19:43:31 GMT'],
      ['If-Modified-Since', 'Sat, 29 Oct 1994 19:43:31 GMT'],
      ['Referer', 'https://shop.example/?of=a, b'],
      ['User-Agent', 'agent/1.0 (buys, returns)'],
      ['From', 'a@shop.example, b@shop.example'],
      ['Proxy-Authorization', 'Digest a="b", c="d"'],
    ])('cannot cut a signed %s short by sending it in two lines', async (name, value) => {
      const app = await start()
      const components = ['@method', '@authority', '@path', 'agent-id', name.toLowerCase()]
      const inTwo = ([field, whole]: HeaderField): HeaderField[] =>
        field === name ? whole.split(', ').map((part) => [field, part] as const) : [[field, whole]]
      const tamper = { headerLines: (lines: readonly HeaderField[]) => lines.flatMap(inTwo) }
      const whole = await app.send({ headers: { [name]: value }, components })
      const cut = await app.send({ headers: { [name]: value }, components, tamper })
      expect([whole.status, cut.status, app.runs.length]).toEqual([200, 400, 1])
    })

    it('cannot hide the framing of a body behind fields that Node drops', async () => {
      const bodies: string[] = []
      const app = await start(({ adapter: { step, answer }, verified }) => [
        step(({ message }) => void Object.assign(serverOf(message), { maxHeadersCount: 50 })),
        verified(),
        answer(async ({ message }) => void bodies.push(String(await message.toArray()))),
      ])
      await app.send({ method: 'POST' })
      const fillers = Array.from({ length: 100 }, (_, index) => [`X-Filler-${index}`, 'x'] as const)
      const hidden = [...fillers, ...Object.entries(CHUNKED)]
      const tamper = {
        headerLines: (lines: readonly HeaderField[]) => [...lines, ...hidden],
        sent: { body: chunked('evil') },
      }
      const response = await app.send({ method: 'POST', tamper })
      expect([response.status, bodies]).toEqual([431, ['']])
    })

    it('cannot fill the memory, nor take the room of others, with bodies that never end', async () => {
      const app = await start({ options: { maxBodyBytes: 1000, maxHeldBytes: 2500 } })
      const endless = await app.agent.signRequest({
        form: 'simple-v1',
        method: 'POST',
        body: 'x'.repeat(900),
        ...forged,
      })
      const answers: RawResponse[] = []
      for (const _ of [1, 2, 3, 4]) stall(app, rawRequest(endless), answers)
      // Two of them fit.
      while (answers.length < 2) await new Promise(setImmediate)
      const honest = await app.send({ form: 'simple-v1', method: 'POST', body: 'y'.repeat(900) })
      const codes = answers.map((response) => [response.status, problemOf(response)['code']])
      expect([honest.status, codes.slice(0, 2)]).toEqual([200, [1, 2].map(() => [503, 'overloaded'])])
    })
  })
}

/** Sends one request with the signatures of all, or with the one of this label alone. */
function sendSigned(app: GuardedApp, signed: readonly SignedRequest[], label = ''): Promise<RawResponse> {
  const request = signed[0] as SignedRequest
  const isSignature = ([name]: HeaderField): boolean => name.startsWith('Signature')
  const signatures = signed.flatMap(({ headerLines }) => headerLines.filter(isSignature))
  const headerLines = [
    ...request.headerLines.filter((line) => !isSignature(line)),
    ...signatures.filter(([, value]) => value.startsWith(label)),
  ]
  return sendRaw(app.port, rawRequest({ ...request, headerLines }))
}

/** Sends all of a request but its last byte, and notes what comes back; nothing does while the server waits. */
function stall(app: GuardedApp, request: Uint8Array, answers: RawResponse[]): void {
  sendRaw(app.port, request.subarray(0, -1)).then(
    (answer) => void answers.push(answer),
    () => undefined, // the test ended first
  )
}

const CHUNKED = { 'Transfer-Encoding': 'chunked' }

function serverOf({ socket }: IncomingMessage): object {
  return 'server' in socket ? (socket.server as object) : {}
}

function chunked(content: string): Buffer {
  return Buffer.from(`${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`)
}

async function untilComplete({ message }: AdapterExchange): Promise<void> {
  while (!message.complete) await new Promise(setImmediate)
}

function comparable(response: Parameters<typeof problemOf>[0]): unknown {
  const { instance: _instance, request_id: _id, ...problem } = problemOf(response)
  return { problem, challenges: response.headerLines.filter(([name]) => name !== 'Date') }
}
