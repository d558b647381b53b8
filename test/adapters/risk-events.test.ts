import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { auditTrail, type EventStream, eventStream, fileSink } from '@countermark/audit'
import { type EventSink, httpSink, lineSink, redisStreamSink } from '@countermark/audit/sinks'
import {
  createRiskServer,
  fileEvents,
  type RiskEventSource,
  type RiskServer,
  redisEvents,
} from '@countermark/risk/service'
import {
  type AdapterUnderTest,
  createRecordingObserver,
  createTempFolder,
  type RecordingObserver,
  requireProgram,
  type StartedServer,
  startRedis,
  startServer,
  type TempFolder,
} from '@countermark/testing'
import express from 'express'
import { Redis } from 'ioredis'
import Koa from 'koa'
import { useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const TOKEN = 'token-of-the-event-streams'
const VALUES = { address: 'plain', target: 'plain' } as const
const redisServer = requireProgram('redis-server')

interface Service extends StartedServer {
  readonly risk: RiskServer
  readonly observer: RecordingObserver
  readonly counted: (result: string) => number
}

let folder: TempFolder
let ends: (() => Promise<void> | void)[] = []
beforeEach(async () => {
  folder = await createTempFolder()
})
afterEach(async () => {
  for (const end of ends.reverse()) await end()
  ends = []
  await folder.remove()
})

async function startService(sources: readonly RiskEventSource[] = [], snapshot?: string): Promise<Service> {
  const observer = createRecordingObserver()
  const risk = createRiskServer({
    ...{ tokens: [{ name: 'orders', token: TOKEN, may: ['events'] }], sources, observers: [observer] },
    ...{ policy: { limits: { requestsPerMinute: 2 } }, delay: () => nextTurn() },
    ...(snapshot === undefined ? {} : { snapshot, delay: () => new Promise(setImmediate) }),
  })
  await risk.ready()
  const server = await startServer((message, response) => void risk.handle(message, response))
  const close = once(async () => {
    await server.close()
    await risk.close()
  })
  ends.push(close)
  return {
    ...server,
    risk,
    observer,
    close,
    counted: (result) => observer.total('risk_service_events_total', { result }),
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

/** Waits turn by turn of the event loop, for ten seconds at most. */
async function until(holds: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 10_000; !holds() && performance.now() < endMs; ) await nextTurn()
}

const levelOf = ({ risk }: Service): string | undefined => risk.find('agt_buyer')?.level

function describeEvents<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`events of guards on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function send(events: EventStream, count: number): Promise<void> {
      const app = await start({
        options: { observers: [events] },
        build: ({ guard, checks, adapter: answers }) => [guard(checks.verify, checks.once), answers.answer(() => ({}))],
      })
      for (let round = 0; round < count; round++) await app.send({ target: `/orders/${round}` })
      await app.sendPlain({ headers: [['Agent-ID', 'agt_buyer']] })
      await events.close()
    }

    const streamTo = (sink: EventSink): EventStream => eventStream({ sinks: [sink], values: VALUES })

    it('move a level when they are posted', async () => {
      const service = await startService()
      const headers = { authorization: `Bearer ${TOKEN}` }
      await send(streamTo(httpSink({ url: `${service.origin}/v1/events`, allowHttp: true, headers })), 3)
      expect([levelOf(service), service.counted('taken'), service.counted('malformed')]).toEqual(['throttle', 6, 0])
    })

    it('move a level when they are written to a file', async () => {
      const path = `${folder.path}/events.ndjson`
      const service = await startService([fileEvents(path)])
      const output = process.getBuiltinModule('node:fs').createWriteStream(path, { flags: 'a' })
      await send(streamTo(lineSink({ output })), 3)
      await until(() => levelOf(service) === 'throttle')
      expect(levelOf(service)).toBe('throttle')
    })

    it('may be an audit trail', async () => {
      const path = `${folder.path}/audit.ndjson`
      const trail = auditTrail({ sinks: [fileSink({ path })], worker: false })
      const app = await start({
        options: { recorder: trail },
        build: ({ guard, checks, adapter: answers }) => [guard(checks.verify, checks.once), answers.answer(() => ({}))],
      })
      for (let round = 0; round < 3; round++) await app.send({})
      await trail.close()
      const service = await startService([fileEvents(path)])
      await until(() => levelOf(service) === 'throttle')
      expect([levelOf(service), service.counted('malformed')]).toEqual(['throttle', 0])
    })
  })
}

describeEvents('Express', expressAdapter(express))
describeEvents('Koa', koaAdapter(Koa))

/** One decision as a stream writes it. */
function line(seq: number, more: object = {}, stream = 'events-1'): string {
  const agent = { id: 'agt_buyer', level: 'signed', scheme: 'httpsig' }
  const fixed = { type: 'decision', id: `${stream}.${seq}`, requestId: `r-${seq}`, at: new Date().toISOString(), v: 1 }
  const record = {
    ...fixed,
    decision: 'allow',
    agent,
    action: { method: 'GET' },
    resource: { authority: 'a' },
    ...more,
  }
  return JSON.stringify({ record, seq, stream, values: {} })
}

async function post(service: Service, lines: readonly string[]): Promise<unknown> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const answer = await fetch(`${service.origin}/v1/events`, { method: 'POST', headers, body: lines.join('\n') })
  return answer.json()
}

describe('an event', () => {
  it('counts once, however often it comes, and what is missing in between is counted', async () => {
    const service = await startService()
    await post(service, [line(1), line(2)])
    expect(await post(service, [line(1), line(2), line(5)])).toEqual({
      taken: 1,
      known: 2,
      skipped: 0,
      malformed: 0,
      missing: 2,
    })
  })

  it('of a request that two guards decide is one request', async () => {
    const service = await startService()
    await post(
      service,
      [1, 2, 3, 4, 5].map((seq) => line(seq, { requestId: 'r-1' })),
    )
    expect(levelOf(service)).toBe('allow')
  })

  it.each([
    ['a copy of a request', { decision: 'deny', code: 'replay_detected' }],
    ['a caller that proved nothing', { agent: { id: 'agt_buyer', level: 'identified' } }],
    ['no agent', { agent: undefined, claimedAgent: 'agt_buyer' }],
    ['something else', { type: 'event', event: 'token_issued' }],
  ])('about %s counts against nobody', async (_what, more) => {
    const service = await startService()
    expect(
      await post(
        service,
        [1, 2, 3].map((seq) => line(seq, more)),
      ),
    ).toMatchObject({ skipped: 3 })
    expect(levelOf(service)).toBeUndefined()
  })

  it('that is none is counted, and the others are taken', async () => {
    const service = await startService()
    const lines = ['{"half', '[]', '{"seq":1}', line(1, { at: 'yesterday' }), line(2, { agent: 7 }), line(3)]
    expect(await post(service, lines)).toMatchObject({ taken: 1, malformed: 5 })
  })

  it('that comes from the future is one of now', async () => {
    const service = await startService()
    await post(
      service,
      [1, 2, 3].map((seq) => line(seq, { at: '2999-01-01T00:00:00Z' })),
    )
    await post(service, [line(4, { at: new Date().toISOString() })])
    expect(service.risk.find('agt_buyer')).toMatchObject({ level: 'throttle', sinceMs: expect.any(Number) })
    expect(service.risk.find('agt_buyer')?.sinceMs).toBeLessThanOrEqual(Date.now())
  })

  it('counts how its request ended', async () => {
    const service = await startService()
    const ended = (seq: number): string => line(seq, { type: 'outcome', of: 'events-1.1', status: 404, id: 'x' })
    await post(service, [line(1), ...Array.from({ length: 40 }, (_, at) => ended(at + 2))])
    expect(service.risk.find('agt_buyer')?.evidence.map(({ signal }) => signal)).toContain('failure_limit')
  })
})

describe('a file of events', () => {
  it('is followed through a rotation, half lines included', async () => {
    const path = `${folder.path}/events.ndjson`
    const whole = line(2)
    writeFileSync(path, `${line(1)}\n${whole.slice(0, 40)}`)
    const service = await startService([fileEvents(path)])
    await until(() => service.counted('taken') === 1)
    appendFileSync(path, `${whole.slice(40)}\n`)
    await until(() => service.counted('taken') === 2)
    renameSync(path, `${path}.1`)
    writeFileSync(path, `${line(3)}\n`)
    await until(() => service.counted('taken') === 3)
    expect(['taken', 'malformed', 'missing', 'known'].map(service.counted)).toEqual([3, 0, 0, 0])
  })

  it('that was cut off is read from its beginning', async () => {
    const path = `${folder.path}/events.ndjson`
    writeFileSync(path, `${line(1)}\n${line(2)}\n`)
    const service = await startService([fileEvents(path)])
    await until(() => service.counted('taken') === 2)
    truncateSync(path)
    appendFileSync(path, `${line(3)}\n`)
    await until(() => service.counted('taken') === 3)
    expect(service.counted('taken')).toBe(3)
  })

  it('is read on after a restart from where it was', async () => {
    const path = `${folder.path}/events.ndjson`
    const snapshot = `${folder.path}/levels.ndjson`
    writeFileSync(path, `${line(1)}\n${line(2)}\n${line(3)}\n`)
    const first = await startService([fileEvents(path)], snapshot)
    await until(() => first.counted('taken') === 3)
    await first.close()
    appendFileSync(path, `${line(4)}\n`)
    const second = await startService([fileEvents(path)], snapshot)
    expect(levelOf(second)).toBe('throttle')
    await until(() => second.counted('taken') === 1)
    expect(['taken', 'known', 'missing'].map(second.counted)).toEqual([1, 0, 0])
  })
})

if (redisServer !== undefined) describe('a stream of Redis', () => readsStreams(redisServer))

function readsStreams(command: string): void {
  it('is read from its beginning, on after a restart, and again after an outage', async () => {
    const server = await startRedis({ command })
    const [client, writer] = [new Redis(server.url), new Redis(server.url)]
    ends.push(() => server.stop())
    ends.push(() => client.disconnect())
    ends.push(() => writer.disconnect())
    const sink = redisStreamSink({ client: writer, stream: 'events' })
    const write = (from: number, to: number) =>
      sink.append(Array.from({ length: to - from + 1 }, (_, at) => placed(from + at)))
    await write(1, 3)
    const snapshot = `${folder.path}/levels.ndjson`
    const source = () => redisEvents({ client, stream: 'events', deadlineMs: 200 })
    const first = await startService([source()], snapshot)
    await until(() => first.counted('taken') === 3)
    await first.close()
    await write(4, 1200)
    const second = await startService([source()], snapshot)
    expect(levelOf(second)).toBe('throttle')
    await until(() => second.counted('taken') === 1197)
    server.signal('SIGSTOP')
    await until(() => second.observer.measurements.some(({ name, value }) => name === 'degraded' && value === 1))
    server.signal('SIGCONT')
    await write(1201, 1202)
    await until(() => second.counted('taken') === 1199)
    expect(['taken', 'known', 'missing'].map(second.counted)).toEqual([1199, 0, 0])
  })
}

function placed(seq: number) {
  const { record } = JSON.parse(line(seq))
  return { chain: 'events-1', seq, record, private: {}, line: line(seq) }
}
