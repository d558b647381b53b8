import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Decision } from '@countermark/core'
import { createFakeClock, createRecordingRecorder } from '../environment/test-environment.ts'
import { createGate, nameAs, noteAgents, watchOutcomes } from './fixtures.ts'
import { AUTHORITY, outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

/** Who is told about decisions, and what waits for whom. */
export function describeObservers<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('observers', () => {
    it('are told once per guard and request', async () => {
      const app = await start(({ guard, verified, handler }) => [verified(), guard(noteAgents([])), handler])
      await app.send({})
      expect(app.observer.decisions.map(({ check, outcome }) => [check, outcome])).toEqual([
        ['preventReplay', 'allow'],
        ['note_agents', 'allow'],
      ])
      expect(new Set(app.observer.decisions.map(({ requestId }) => requestId)).size).toBe(1)
    })

    it('are told who was refused, why, and by which check', async () => {
      const app = await start()
      await app.send({ nonce: 'once-and-only-once' })
      await app.send({ nonce: 'once-and-only-once' })
      const decision = app.observer.decisions[1]
      expect(decision).toMatchObject({ outcome: 'deny', check: 'preventReplay', status: 401 })
      expect([decision?.refusal?.code, decision?.agent?.id]).toEqual(['replay_detected', 'agt_buyer'])
    })

    it('are told how the request ended', async () => {
      const clock = createFakeClock()
      const { told, observer } = watchOutcomes()
      const app = await start({
        options: { clock, observers: [observer] },
        build: ({ adapter, guard }) => [guard(nameAs('signed')), adapter.answer(() => void clock.advance(40))],
      })
      await app.sendPlain()
      expect(await told).toMatchObject({ durationMs: 40, aborted: false })
    })

    it('are told the status of a refusal', async () => {
      const { told, observer } = watchOutcomes()
      const app = await start({ options: { observers: [observer] } })
      const problem = problemOf(await app.sendPlain())
      expect(await told).toMatchObject({ requestId: problem['request_id'], status: 401, aborted: false })
    })

    it('are told when the caller went away before the answer', async () => {
      const { told, observer } = watchOutcomes()
      const app = await start({
        options: { observers: [observer] },
        build: ({ adapter, guard }) => [
          guard(nameAs('signed')),
          adapter.answer(({ message }) => once(message.socket.destroy(), 'close')),
        ],
      })
      await expect(app.sendPlain()).rejects.toThrow('ended after 0 bytes')
      expect(await told).toMatchObject({ aborted: true })
    })

    it('are told when the caller went away while the guard decided', async () => {
      const gate = createGate()
      const { told, observer } = watchOutcomes()
      const closed: Promise<unknown>[] = []
      const app = await start({
        options: { observers: [observer] },
        build: ({ adapter, guard, handler }) => [
          adapter.step(({ response }) => void closed.push(once(response, 'close'))),
          guard(nameAs('signed'), gate.check),
          handler,
        ],
      })
      const socket = createConnection(app.port, '127.0.0.1')
      socket.write(`GET / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n\r\n`)
      await gate.reached
      socket.destroy()
      await Promise.all(closed)
      gate.open()
      expect(await told).toMatchObject({ aborted: true })
    })

    it('change nothing by throwing', async () => {
      const fail = (): never => {
        throw new Error('the dashboard is down')
      }
      const options = { observers: [{ decided: fail, finished: fail, measured: fail }], onRefusal: fail }
      const app = await start({ options })
      expect([(await app.send({})).status, (await app.sendPlain()).status]).toEqual([200, 401])
    })
  })

  describe('onRefusal', () => {
    it('is called for refusals only', async () => {
      const refused: Decision[] = []
      const app = await start({ options: { onRefusal: (decision) => void refused.push(decision) } })
      await app.send({})
      await app.sendPlain()
      expect(refused.map(({ refusal }) => refusal?.code)).toEqual(['credentials_missing'])
    })
  })

  describeRecorder(start)
}

function describeRecorder<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('a recorder', () => {
    const post = { method: 'POST', body: '{}' }

    it('has written before the handler runs', async () => {
      const order: string[] = []
      const record = async (): Promise<void> => {
        await new Promise((resolve) => setImmediate(resolve))
        order.push('recorded')
      }
      const app = await start({
        options: { recorder: { record } },
        build: ({ adapter, verified }) => [verified(), adapter.answer(() => void order.push('handled'))],
      })
      await app.send(post)
      expect(order).toEqual(['recorded', 'handled'])
    })

    it('that cannot write keeps an unsafe request from the handler', async () => {
      const recorder = createRecordingRecorder()
      const app = await start({ options: { recorder } })
      recorder.failWith(new Error('the disk is full'))
      const response = await app.send(post)
      expect([outcomeOf(response), app.runs.length]).toEqual(['503 audit_unavailable', 0])
      expect(response.header('retry-after')).toBe('1')
      expect(app.observer.decisions.map(({ outcome }) => outcome)).toEqual(['deny'])
    })

    it('that throws at once is no different', async () => {
      const record = (): never => {
        throw new Error('the disk is full')
      }
      const app = await start({ options: { recorder: { record } } })
      expect([(await app.send(post)).status, (await app.send({})).status]).toEqual([503, 200])
    })

    it('that cannot write lets a safe request pass, and is counted', async () => {
      const recorder = createRecordingRecorder()
      const app = await start({ options: { recorder } })
      recorder.failWith(new Error('the disk is full'))
      expect((await app.send({})).status).toBe(200)
      expect(app.observer.total('audit_failures_total')).toBe(1)
    })

    it('that cannot write changes no refusal', async () => {
      const recorder = createRecordingRecorder()
      const app = await start({ options: { recorder } })
      recorder.failWith(new Error('the disk is full'))
      expect(problemOf(await app.sendPlain({ method: 'POST' }))['code']).toBe('credentials_missing')
    })

    it('learns how the request ended', async () => {
      const { told, observer } = watchOutcomes()
      const app = await start({ options: { recorder: { record: () => undefined, finish: observer.finished } } })
      await app.send(post)
      expect(await told).toMatchObject({ status: 200, aborted: false })
    })
  })
}
