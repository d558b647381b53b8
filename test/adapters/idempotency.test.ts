import { capabilityRules, memoryBudgets, requireCapability } from '@countermark/capability'
import type { Check } from '@countermark/core'
import { type AnswerStore, idempotency, memoryAnswers, redisAnswers } from '@countermark/idempotency'
import {
  type AdapterUnderTest,
  type RawResponse,
  rawRequest,
  requireProgram,
  type StartedRedis,
  sendRaw,
  startRedis,
} from '@countermark/testing'
import express from 'express'
import { Redis } from 'ioredis'
import Koa from 'koa'
import type { AdapterExchange } from '../../packages/testing/src/adapters/adapter-under-test.ts'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, createApprover, grant, limits, type RouteInput } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { EXPRESS_STEP, KOA_STEP, type WithIdempotency } from './idempotent-step.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const REFUND = { amount: 100, currency: 'USD' }

function keyed(key: string, content: unknown = REFUND, headers: Readonly<Record<string, string>> = {}) {
  return aRefund(content, { 'Idempotency-Key': key, ...headers })
}

/** Something that handlers do for a while. */
function createGate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describeIdempotency('Express', expressAdapter(express), EXPRESS_STEP)
describeIdempotency('Koa', koaAdapter(Koa), KOA_STEP)

interface StartInput {
  readonly store?: AnswerStore
  readonly key?: 'required'
  readonly maxAnswerBytes?: number
  readonly route?: RouteInput
  readonly delegation?: Parameters<typeof grant>[0]
  readonly handle?: (exchange: AdapterExchange, run: number) => unknown
  readonly onError?: (error: unknown) => void
}

function describeIdempotency<Middleware>(
  name: string,
  adapter: AdapterUnderTest<Middleware>,
  withKeys: WithIdempotency<Middleware>,
): void {
  describe(`Idempotency-Key on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function startKeyed(input: StartInput = {}): Promise<GuardedApp & { readonly executed: () => number }> {
      const { store = memoryAnswers(), key, maxAnswerBytes, route, delegation, onError } = input
      const { handle = (_exchange: AdapterExchange, run: number) => ({ run }) } = input
      let runs = 0
      const idempotent = idempotency({
        store,
        ...(key === undefined ? {} : { key }),
        ...(maxAnswerBytes === undefined ? {} : { maxAnswerBytes }),
      })
      const app = await start({
        ...(onError === undefined ? {} : { onError }),
        build: ({ app, guard, checks }) => {
          app.use(guard(checks.verify, checks.once, grant(delegation ?? route?.delegation)))
          const rules = capabilityRules(route?.rules)
          const capable = guard(requireCapability('refunds:create', {}, rules))
          const handler = adapter.answer((exchange) => handle(exchange, ++runs))
          for (const path of ['/refunds', '/payments']) {
            app.route('post', path, withKeys(idempotent, guard), capable, handler)
            app.route('get', path, withKeys(idempotent, guard), capable, handler)
          }
        },
      })
      return { ...app, executed: () => runs }
    }

    it('lets a request be signed and sent again, and executes it once', async () => {
      const app = await startKeyed()
      const [first, second] = [await app.send(keyed('k')), await app.send(keyed('k'))]
      expect([first.status, first.text, second.status, second.text]).toEqual([200, '{"run":1}', 200, '{"run":1}'])
      expect([second.header('content-type'), app.executed()]).toEqual([first.header('content-type'), 1])
      expect([first.header('idempotent-replayed'), second.header('idempotent-replayed')]).toEqual([undefined, 'true'])
    })

    it('still takes no copy of a signed request', async () => {
      const app = await startKeyed()
      const copy = { ...keyed('k'), nonce: 'once-and-only-once' }
      expect([outcomeOf(await app.send(copy)), outcomeOf(await app.send(copy))]).toEqual(['200', '401 replay_detected'])
    })

    it('keeps different keys, and no key, apart', async () => {
      const app = await startKeyed()
      const texts = [await app.send(keyed('a')), await app.send(keyed('b')), await app.send(aRefund(REFUND))]
      expect(texts.map(({ text }) => text)).toEqual(['{"run":1}', '{"run":2}', '{"run":3}'])
      expect((await app.send(aRefund(REFUND))).text).toBe('{"run":4}')
    })

    it.each([
      ['body', keyed('k', { amount: 101, currency: 'USD' })],
      ['layout of the body', keyed('k', '{ "amount": 100, "currency": "USD" }')],
      ['type of the body', keyed('k', REFUND, { 'Content-Type': 'text/plain' })],
      ['query', { ...keyed('k'), target: '/refunds?again=1' }],
      ['route', { ...keyed('k'), target: '/payments' }],
    ])('refuses a key that comes with another %s', async (_what, other) => {
      const app = await startKeyed()
      await app.send(keyed('k'))
      const refused = await app.send(other)
      expect([outcomeOf(refused), refused.status, app.executed()]).toEqual(['422 idempotency_key_reused', 422, 1])
    })

    it('says that the first request is still being worked on', async () => {
      const [begun, finish] = [createGate(), createGate()]
      const handle = async (_exchange: AdapterExchange, run: number) => {
        begun.open()
        await finish.passed
        return { run }
      }
      const app = await startKeyed({ handle })
      const first = app.send(keyed('k'))
      await begun.passed
      const second = await app.send(keyed('k'))
      expect([outcomeOf(second), second.status, second.header('retry-after')]).toEqual([
        '409 idempotency_in_progress',
        409,
        '1',
      ])
      finish.open()
      expect([(await first).text, (await app.send(keyed('k'))).text]).toEqual(['{"run":1}', '{"run":1}'])
    })

    it('executes one of twenty that come at once', async () => {
      const app = await startKeyed()
      const all = await Promise.all(Array.from({ length: 20 }, () => app.send(keyed('k'))))
      expect([app.executed(), new Set(all.map(({ status }) => status)).size <= 2]).toEqual([1, true])
      expect(all.filter(({ status }) => status === 200).every(({ text }) => text === '{"run":1}')).toBe(true)
    })

    it('keeps the keys of agents and of users apart', async () => {
      const store = memoryAnswers()
      const one = await startKeyed({ store, delegation: { subject: 'user_1' } })
      const two = await startKeyed({ store, delegation: { subject: 'user_2' } })
      await one.send(keyed('k'))
      expect((await two.send(keyed('k'))).header('idempotent-replayed')).toBeUndefined()
      expect([one.executed(), two.executed()]).toEqual([1, 1])
    })

    it('keeps an answer byte for byte, with its status and fields, but no cookie', async () => {
      const handle = ({ response }: AdapterExchange) => {
        response.statusCode = 201
        response.setHeader('X-Order', 'ö'.normalize('NFC').length.toString())
        response.setHeader('Set-Cookie', 'session=1')
        return { text: 'grün \u{1F600}' }
      }
      const app = await startKeyed({ handle })
      const [first, second] = [await app.send(keyed('k')), await app.send(keyed('k'))]
      expect(second.body).toEqual(first.body)
      expect([second.status, second.header('x-order'), second.header('set-cookie')]).toEqual([
        first.status,
        '1',
        undefined,
      ])
      expect(second.header('content-length')).toBe(String(first.body.length))
    })

    it('keeps an answer that is written piece by piece', async () => {
      const store = memoryAnswers()
      const idempotent = idempotency({ store })
      let runs = 0
      const app = await start({
        build: ({ app, guard, checks }) => {
          app.use(guard(checks.verify, checks.once, grant()))
          const stream = adapter.step(async ({ response, message }) => {
            runs += 1
            message.resume()
            response.writeHead(202, { 'Content-Type': 'text/plain', 'X-Piece': 'yes' })
            response.write('piece ')
            response.write(Buffer.from('by '))
            response.end('piece', 'utf8')
            await new Promise((resolve) => response.once('close', resolve))
          })
          app.route('post', '/refunds', withKeys(idempotent, guard), stream)
        },
      })
      const [first, second] = [await app.send(keyed('k')), await app.send(keyed('k'))]
      for (const response of [first, second]) {
        expect([response.status, response.text, response.header('x-piece')]).toEqual([202, 'piece by piece', 'yes'])
      }
      expect([second.header('idempotent-replayed'), runs]).toEqual(['true', 1])
    })

    it.each([
      ['a flat list', ['Link', '</a>', 'X-Piece', 'yes', 'Link', '</b>']],
      ['a flat list with a list in it', ['Link', ['</a>', '</b>'], 'X-Piece', 'yes']],
      ['a list of pairs', [['Link', '</a>'] as const, ['X-Piece', 'yes'] as const, ['Link', '</b>'] as const]],
      ['an object', { Link: ['</a>', '</b>'], 'X-Piece': 'yes' }],
    ])('keeps header fields that are handed to writeHead as %s', async (_, headers) => {
      const idempotent = idempotency({ store: memoryAnswers() })
      const app = await start({
        build: ({ app, guard, checks }) => {
          app.use(guard(checks.verify, checks.once, grant()))
          const answer = adapter.step(async ({ response, message }) => {
            message.resume()
            response.setHeader('X-Piece', 'no')
            response.writeHead(200, headers as never).end('done')
            await new Promise((resolve) => response.once('close', resolve))
          })
          app.route('post', '/refunds', withKeys(idempotent, guard), answer)
        },
      })
      for (const response of [await app.send(keyed('k')), await app.send(keyed('k'))]) {
        const fields = response.headerLines.filter(([field]) => /^(?:link|x-piece)$/i.test(field))
        expect(fields.map(([, value]) => value).sort()).toEqual(['</a>', '</b>', 'yes'])
      }
    })

    it('gives the first answer again also when that was a failure', async () => {
      const handle = (): never => {
        throw new Error('the database is on fire')
      }
      const app = await startKeyed({ handle, onError: () => undefined })
      const statuses = [(await app.send(keyed('k'))).status, (await app.send(keyed('k'))).status]
      expect([statuses, app.executed()]).toEqual([[500, 500], 1])
    })

    it.each([401, 403, 408, 425, 429, 503])(
      'executes again what was answered with %d: nothing was done',
      async (status) => {
        const idempotent = idempotency({ store: memoryAnswers() })
        const statuses = [status, 204]
        const app = await start({
          build: ({ app, guard, checks }) => {
            const answer = adapter.step(async ({ response }) => {
              response.statusCode = statuses.shift() ?? 500
              response.end()
              await new Promise((resolve) => response.once('close', resolve))
            })
            app.use(guard(checks.verify, checks.once, grant()))
            app.route('post', '/refunds', withKeys(idempotent, guard), answer)
          },
        })
        const answered = [await app.send(keyed('k')), await app.send(keyed('k')), await app.send(keyed('k'))]
        expect(answered.map((response) => response.status)).toEqual([status, 204, 204])
      },
    )

    it('lets a request be executed that a guard refused', async () => {
      const approver = createApprover()
      const delegation = limits({ require_approval_for: '*' })
      const app = await startKeyed({ route: { delegation, rules: { approvals: approver.rules } } })
      const refused = await app.send(keyed('k'))
      expect(outcomeOf(refused)).toBe('403 approval_required')
      const approved = keyed('k', REFUND, { 'Approval-Ticket': approver.ticketFor(refused) })
      expect([(await app.send(approved)).text, (await app.send(approved)).text]).toEqual(['{"run":1}', '{"run":1}'])
    })

    it('takes nothing from a budget for a repeated answer', async () => {
      const delegation = limits({ max_requests_per_hour: 1 })
      const app = await startKeyed({ route: { delegation, rules: { budgets: memoryBudgets() } } })
      await app.send(keyed('k'))
      expect([outcomeOf(await app.send(keyed('k'))), outcomeOf(await app.send(keyed('l')))]).toEqual([
        '200',
        '429 rate_limited',
      ])
    })

    it('does not execute again what was answered with more than is kept', async () => {
      const app = await startKeyed({ maxAnswerBytes: 5 })
      const [first, second] = [await app.send(keyed('k')), await app.send(keyed('k'))]
      expect([first.text, outcomeOf(second), app.executed()]).toEqual(['{"run":1}', '409 idempotency_in_progress', 1])
    })

    it('is nothing to requests that only read', async () => {
      const app = await startKeyed({ key: 'required' })
      const read = { method: 'GET', target: '/refunds', headers: { 'Idempotency-Key': 'k' } }
      expect([(await app.send(read)).text, (await app.send(read)).text]).toEqual(['{"run":1}', '{"run":2}'])
    })

    it('may be required', async () => {
      const app = await startKeyed({ key: 'required' })
      const refused = await app.send(aRefund(REFUND))
      expect([outcomeOf(refused), refused.status, app.executed()]).toEqual(['400 request_malformed', 400, 0])
    })

    it.each(['', 'x'.repeat(256), 'a\tb'])('cannot be %j', async (key) => {
      const app = await startKeyed()
      expect(outcomeOf(await app.send(keyed(key)))).toBe('400 request_malformed')
    })

    it('must be covered by a signature that can cover it', async () => {
      const app = await startKeyed()
      const components = ['@method', '@authority', '@path', 'content-digest', 'content-type', 'agent-id']
      expect(outcomeOf(await app.send({ ...keyed('k'), components }))).toBe('401 coverage_insufficient')
      expect(outcomeOf(await app.send({ ...keyed('k'), form: 'simple-v1' }))).toBe('200')
    })

    it('frees a key when the guard refuses after it was taken', async () => {
      const app = await startKeyed()
      const weak = await start({
        options: { minimumLevel: { unsafe: 'identified' } },
        build: ({ app: building, guard, checks, handler }) => {
          const idempotent = idempotency({ store: memoryAnswers() })
          const strict = Object.assign((check: Check) => guard.with({ minimumLevel: 'signed' })(check), {
            with: guard.with,
          })
          building.use(guard(checks.verify, checks.once))
          building.route('post', '/refunds', withKeys(idempotent, strict as typeof guard), handler)
        },
      })
      const bare = { ...keyed('k'), tag: 'web-bot-auth', components: ['@authority', 'idempotency-key'] }
      expect([outcomeOf(await weak.send(bare)), outcomeOf(await weak.send(keyed('k'))), app.executed()]).toEqual([
        '401 scheme_not_allowed',
        '200',
        0,
      ])
    })

    it('keeps executing, and the answer, when the caller goes away', async () => {
      const [begun, finish] = [createGate(), createGate()]
      const handle = async (_exchange: AdapterExchange, run: number) => {
        begun.open()
        await finish.passed
        return { run }
      }
      const app = await startKeyed({ handle })
      const signed = await app.agent.signRequest(keyed('k'))
      const abandoned = sendRaw(app.port, rawRequest(signed)).catch(() => undefined)
      await begun.passed
      app.server.closeAllConnections()
      await abandoned
      finish.open()
      const answers: RawResponse[] = []
      while (answers.at(-1)?.status !== 200 && answers.length < 50) answers.push(await app.send(keyed('k')))
      expect([answers.at(-1)?.text, app.executed()]).toEqual(['{"run":1}', 1])
    })

    it('is known to all processes that share a Redis', async () => {
      const command = requireProgram('redis-server')
      if (command === undefined) return
      const redis: StartedRedis = await startRedis({ command })
      const client = new Redis(redis.url)
      const apps = [1, 2].map(() => startKeyed({ store: redisAnswers({ client, deadlineMs: 1000 }) }))
      const [one, two] = await Promise.all(apps)
      const first = await one?.send(keyed('k'))
      const second = await two?.send(keyed('k'))
      expect([first?.text, second?.text, second?.header('idempotent-replayed')]).toEqual([
        '{"run":1}',
        '{"run":1}',
        'true',
      ])
      expect([one?.executed(), two?.executed()]).toEqual([1, 0])
      client.disconnect()
      await redis.stop()
    })
  })
}
