import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createConnection } from 'node:net'
import { defineCheck, isRefusal, isUnavailable, type Observer, Refusal, Unavailable } from '@countermark/core'
import { rawRequest } from '../servers/send-raw.ts'
import { createGate, type Gate, watchOutcomes } from './fixtures.ts'
import type { GuardedApp, StartGuardedApp } from './guarded-app.ts'

/** Refusals that go to the application's own error handler. */
export function describeErrors<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a refusal that is handed to the application', () => {
    it('reaches its error handler as a refusal with its status', async () => {
      const errors: unknown[] = []
      const app = await start({ onError: (error) => void errors.push(error) })
      const response = await app.sendPlain()
      expect([response.status, response.text, app.runs.length]).toEqual([401, '{"caught":true}', 0])
      expect(errors[0]).toBeInstanceOf(Error)
      expect(isRefusal(errors[0])).toBe(true)
      expect(errors[0]).toMatchObject({ code: 'credentials_missing', status: 401, statusCode: 401, expose: true })
    })

    it('brings every header field, and the document that would have been sent', async () => {
      const errors: { readonly body?: string }[] = []
      const app = await start({ onError: (error) => void errors.push(error as object) })
      const { headerLines } = await app.sendPlain()
      const challenges = headerLines.filter(([name]) => name.toLowerCase() === 'www-authenticate')
      expect(challenges.map(([, value]) => value.split(' ', 1)[0])).toEqual(['Signature', 'Agent-Auth'])
      expect(JSON.parse(errors[0]?.body ?? '')).toMatchObject({ code: 'credentials_missing', status: 401 })
    })

    it('says no more than the document does', async () => {
      const errors: unknown[] = []
      const terse = await start({ onError: (error) => void errors.push(error) })
      await terse.send({ keyId: 'unknown-key' })
      const minimal = await start({ onError: (error) => void errors.push(error), options: { errorDetail: 'minimal' } })
      await minimal.send({ keyId: 'unknown-key' })
      const messages = errors.map((error) => (error as Error).message)
      expect(messages).toEqual(['The key is not known', 'The signature does not verify'])
    })

    it('is an error of its own where many requests fail for one reason', async () => {
      const shared = new Unavailable('key_source_unavailable', 'keys', 'the registry is down')
      const errors: unknown[] = []
      const app = await start({
        onError: (error) => void errors.push(error),
        build: ({ app, guard, handler }) => {
          const down = defineCheck({ name: 'down', needs: [], adds: [] }, () => Promise.reject(shared))
          app.use(guard(down), handler)
        },
      })
      await Promise.all([app.sendPlain(), app.sendPlain()])
      expect(new Set([shared, ...errors]).size).toBe(3)
      expect(errors.every(isUnavailable)).toBe(true)
      expect(shared).not.toHaveProperty('status')
    })

    it('leaves errors of the application alone', async () => {
      const errors: unknown[] = []
      const own = Object.assign(new Error('out of tea'), { status: 418 })
      const app = await start({
        onError: (error) => void errors.push(error),
        build: ({ adapter, verified }) => [verified(), adapter.answer(() => Promise.reject(own))],
      })
      expect([(await app.send({})).status, errors]).toEqual([418, [own]])
    })
  })

  describe('a request that was already answered', () => {
    it.each([
      ['lets it pass', {}],
      ['refuses it', { tamper: { sent: { target: '/elsewhere' } } }],
    ])('keeps that answer when the guard %s afterwards', async (_name, request) => {
      const gate = createGate()
      const app = await start(({ adapter, guard, checks }) => [
        adapter.step(({ response }) => answerFirst(gate, response)),
        guard(gate.check, checks.verify, checks.once),
      ])
      const response = await app.send(request)
      expect([response.status, response.text]).toEqual([200, 'answered first'])
      await gate.opened
      expect((await app.send({})).status).toBe(200)
    })
  })

  describe('a request that was answered before its guard had decided', () => {
    const startLate = async (gate: Gate, observer: Observer = {}): Promise<GuardedApp> =>
      start({
        options: { observers: [{ decided: () => undefined, ...observer }] },
        build: ({ adapter, guard, checks, handler }) => [
          adapter.step(({ response }) => answerFirst(gate, response)),
          guard(gate.check, checks.verify, checks.once),
          handler,
        ],
      })

    it('does not reach the handler, and observers and recorders learn that', async () => {
      const gate = createGate()
      const { told, observer } = watchOutcomes()
      const app = await startLate(gate, observer)
      expect((await app.send({ method: 'POST', body: '{}' })).text).toBe('answered first')
      expect(await told).toMatchObject({ status: 200, unserved: true })
      expect(app.runs).toHaveLength(0)
    })

    it('is told to the operator once, with the likely mistake', async () => {
      const gate = createGate()
      const app = await startLate(gate)
      for (const _each of [1, 2]) await app.send({})
      expect(app.warnings).toEqual([
        { message: expect.stringMatching(/in front of it/), type: 'CountermarkWarning', code: 'answered_too_early' },
      ])
    })

    it('does not reach the handler where the answer has only begun', async () => {
      const app = await start(({ adapter, verified, handler }) => [
        adapter.step(({ response }) => void response.writeHead(202).write('working')),
        verified(),
        adapter.step(({ response }) => void response.end()),
        handler,
      ])
      const signed = await app.agent.signRequest({})
      const socket = createConnection(app.port, '127.0.0.1')
      socket.write(rawRequest(signed))
      await once(socket, 'data')
      socket.destroy()
      expect(app.runs).toHaveLength(0)
    })
  })

  describe('a refusal that the handler throws', () => {
    it('is the application’s to answer', async () => {
      const errors: unknown[] = []
      const app = await start({
        onError: (error) => void errors.push(error),
        build: ({ adapter, verified }) => [
          verified(),
          adapter.answer(() => Promise.reject(new Refusal('agent_suspended', 'not today'))),
        ],
      })
      expect([(await app.send({})).status, errors.length]).toEqual([500, 1])
    })
  })
}

/** As a middleware does that limits the time of a request. */
function answerFirst(gate: Gate, response: ServerResponse): void {
  const answer = async (): Promise<void> => {
    await gate.reached
    response.statusCode = 200
    response.end('answered first')
    gate.open()
  }
  void answer()
}
