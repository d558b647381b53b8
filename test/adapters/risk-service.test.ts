import { type AuditTrail, auditTrail, fileSink } from '@countermark/audit'
import type { Clock } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import {
  type AssessRiskOptions,
  assessRisk,
  type RiskCheck,
  type RiskServiceOptions,
  riskService,
} from '@countermark/risk'
import { createRiskServer, type RiskServer } from '@countermark/risk/service'
import {
  type AdapterUnderTest,
  createRecordingObserver,
  createTempFolder,
  type RecordingObserver,
  type StartedServer,
  startServer,
} from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const TOKEN = 'token-of-the-orders-api'
const MAY = ['scores', 'events', 'read', 'reviews'] as const
const REVIEW = { by: 'rita', why: 'looked at it' } as const
const POST = { method: 'POST', body: '{}' } as const

interface Guarded extends GuardedApp {
  /** Lets time pass for what measures ages. */
  readonly pass: (ms: number) => void
  readonly risk: RiskCheck
  readonly observer: RecordingObserver
}

function describeService<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`a risk service behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    const ends: (() => Promise<void> | void)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
    })

    async function serve(handle: Parameters<typeof startServer>[0]): Promise<StartedServer> {
      const server = await startServer(handle)
      ends.push(() => (server.server.listening ? server.close() : undefined))
      return server
    }

    async function startRisk(limit = 600): Promise<StartedServer & { readonly service: RiskServer }> {
      const policy = { limits: { requestsPerMinute: limit } }
      const service = createRiskServer({ tokens: [{ name: 'orders', token: TOKEN, may: MAY }], policy })
      await service.ready()
      return { ...(await serve((message, response) => void service.handle(message, response))), service }
    }

    async function guard(
      url: string,
      options: AssessRiskOptions = {},
      { trail, ...asking }: Partial<RiskServiceOptions> & { readonly trail?: AuditTrail } = {},
    ): Promise<Guarded> {
      const store = riskService({ url, token: TOKEN, allowHttp: true, deadlineMs: 5000, ...asking })
      const risk = assessRisk({ store, ...options })
      ends.push(() => risk.close())
      const observer = createRecordingObserver()
      const recorder = trail === undefined ? {} : { recorder: trail }
      let monotonicMs = 0
      const clock: Clock = { wallMs: systemClock.wallMs, monotonicMs: () => monotonicMs }
      const app = await start({
        options: { clock, observers: [risk.observer, observer], ...recorder },
        build: ({ guard: guarded, checks, adapter: answers }) => [
          guarded(checks.verify, checks.once, risk),
          answers.answer(({ agent }) => ({ risk: agent?.risk })),
        ],
      })
      const pass = (ms: number): void => {
        monotonicMs += ms
      }
      return { ...app, risk, observer, pass }
    }

    const riskOf = ({ text }: { readonly text: string }): Readonly<Record<string, unknown>> => JSON.parse(text).risk

    it('slows an agent down at every process that asks it', async () => {
      const { origin } = await startRisk(2)
      const [first, second] = [await guard(origin), await guard(origin)]
      const answers = [await first.send({}), await second.send({}), await first.send({}), await second.send({})]
      expect(answers.map(outcomeOf)).toEqual(['200', '200', '200', '429 risk_throttled'])
      expect(first.observer.total('risk_level_changes_total', { to: 'throttle' })).toBe(1)
    })

    it('takes what reviewers decide, and says where an agent stands', async () => {
      const { origin } = await startRisk()
      const { send, risk } = await guard(origin)
      await risk.review('agt_buyer', { action: 'raise', level: 'block', ...REVIEW })
      expect([outcomeOf(await send({})), await risk.find('agt_buyer')]).toMatchObject([
        '403 risk_blocked',
        { level: 'block' },
      ])
      await risk.review('agt_buyer', { action: 'clear', ...REVIEW })
      expect([outcomeOf(await send({})), await risk.find('agt_other')]).toEqual(['200', undefined])
    })

    it('only answers, where it hears of requests by events', async () => {
      const { origin, service } = await startRisk(1)
      const { send } = await guard(origin, {}, { hears: 'events' })
      const answers = [await send({}), await send({}), await send({})]
      expect(answers.map(outcomeOf)).toEqual(['200', '200', '200'])
      await service.review('agt_buyer', { action: 'raise', level: 'block', ...REVIEW })
      expect(outcomeOf(await send({}))).toBe('403 risk_blocked')
    })

    it('that dies leaves an agent blocked at every process that was told so, and lets others go on', async () => {
      const { origin, close } = await startRisk()
      const { send, risk } = await guard(origin)
      await risk.review('agt_buyer', { action: 'raise', level: 'block', ...REVIEW })
      const told = await send({})
      await close()
      expect([told, await send({}), await send(POST)].map(outcomeOf)).toEqual(Array(3).fill('403 risk_blocked'))
    })

    it('that lifted a level and died then leaves none', async () => {
      const { origin, close } = await startRisk()
      const { send, risk } = await guard(origin)
      await risk.review('agt_buyer', { action: 'raise', level: 'block', ...REVIEW })
      await send({})
      await risk.review('agt_buyer', { action: 'clear', ...REVIEW })
      await send({})
      await close()
      expect(outcomeOf(await send(POST))).toBe('200')
    })

    it('hears of amounts that are none, and answers all the same', async () => {
      const { origin } = await startRisk()
      const amount = ({ path }: { readonly path: string }): number => Number(path.slice(1))
      const { send, observer } = await guard(origin, { amount })
      const answers = [await send({ target: '/1e999' }), await send({ target: '/a' }), await send({ target: '/1e300' })]
      expect(answers.map(outcomeOf)).toEqual(['200', '200', '200'])
      expect(observer.total('risk_questions_total', { result: 'failed' })).toBe(0)
    })

    it.each([
      ['local', '200', '200'],
      ['allow', '200', '200'],
      ['read-only', '503 risk_unavailable', '200'],
    ] as const)(
      'that is dead leaves the fallback %s, visible in fact and metric',
      async (fallback, writing, reading) => {
        const { origin, close } = await startRisk()
        await close()
        const { send, observer } = await guard(origin, { fallback })
        const [written, read] = [await send(POST), await send({})]
        expect([outcomeOf(written), outcomeOf(read)]).toEqual([writing, reading])
        expect(riskOf(read)).toMatchObject({ level: 'allow', fallback })
        expect(observer.total('risk_fallbacks_total', { fallback })).toBe(2)
      },
    )

    it('that comes back is asked again, and its outage was shown', async () => {
      let isDown = true
      const live = await startRisk()
      const { origin } = await serve((message, response) =>
        isDown ? void message.destroy() : void live.service.handle(message, response),
      )
      const { send, observer, pass } = await guard(origin)
      for (let round = 0; round < 6; round++) await send({})
      isDown = false
      pass(1001)
      const back = await send({})
      const shown = observer.measurements.filter(
        ({ name, labels }) => name === 'degraded' && labels?.['dependency'] === 'risk',
      )
      expect(shown.map(({ value }) => value)).toEqual([1, 0])
      expect([riskOf(back)['fallback'], observer.total('risk_fallbacks_total')]).toEqual([undefined, 6])
    })

    it('that is slow is waited for no longer than told', async () => {
      const { origin } = await serve(() => undefined)
      const { send } = await guard(origin, { fallback: 'allow' }, { deadlineMs: 30 })
      const startedMs = performance.now()
      expect(riskOf(await send({}))['fallback']).toBe('allow')
      expect(performance.now() - startedMs).toBeLessThan(2000)
    })

    it.each([
      ['nothing', ''],
      ['no JSON', '<html>'],
      ['too few scores', '{"scores":[]}'],
      ['a level that is none', '{"scores":[{"score":1,"level":"angry","wouldBe":"allow","reasons":[]}]}'],
      ['a score beyond all', '{"scores":[{"score":1e9,"level":"block","wouldBe":"block","reasons":[]}]}'],
      ['one member twice', '{"scores":[],"scores":[{"score":1,"level":"block","wouldBe":"block","reasons":[]}]}'],
      [
        'a change that is none',
        '{"scores":[{"score":1,"level":"allow","wouldBe":"allow","reasons":[]}],"changes":[{}]}',
      ],
    ])('that answers with %s is not believed', async (_what, body) => {
      const { origin } = await serve((_message, response) => void response.end(body))
      const { send } = await guard(origin, { fallback: 'allow' })
      expect(riskOf(await send({}))).toEqual({
        score: 0,
        level: 'allow',
        wouldBe: 'allow',
        reasons: [],
        fallback: 'allow',
      })
    })

    it('that sends the question elsewhere is not followed', async () => {
      let asked = 0
      const other = await serve((_message, response) => {
        asked += 1
        response.end('{}')
      })
      const { origin } = await serve((_message, response) => {
        response.writeHead(307, { location: `${other.origin}/v1/scores` }).end()
      })
      const { send } = await guard(origin, { fallback: 'allow' })
      expect([riskOf(await send({}))['fallback'], asked]).toEqual(['allow', 0])
    })

    it('that is dead stands in the audit trail, request by request', async () => {
      const folder = await createTempFolder()
      ends.push(() => folder.remove())
      const path = `${folder.path}/audit.ndjson`
      const trail = auditTrail({ sinks: [fileSink({ path })], worker: false })
      await trail.ready()
      const { origin, close } = await startRisk()
      await close()
      const { send } = await guard(origin, { fallback: 'allow' }, { trail })
      await send(POST)
      await trail.close()
      const lines = process.getBuiltinModule('node:fs').readFileSync(path, 'utf8').trim().split('\n')
      const records = lines.map((line) => JSON.parse(line).record)
      expect(records).toContainEqual(
        expect.objectContaining({ type: 'decision', risk: { fallback: 'allow', level: 'allow', score: 0 } }),
      )
    })
  })
}

describeService('Express 5', expressAdapter(express))
describeService('Express 4', expressAdapter(express4))
describeService('Koa 3', koaAdapter(Koa))
describeService('Koa 2', koaAdapter(Koa2))

describe('riskService', () => {
  it.each([
    [{ url: 'http://risk.internal' }, 'ERR_OPTION_INVALID'],
    [{ url: 'https://user:secret@risk.internal' }, 'ERR_OPTION_INVALID'],
    [{ token: 'short' }, 'ERR_OPTION_INVALID'],
    [{ deadlineMs: 0 }, 'ERR_OPTION_INVALID'],
    [{ hears: 'both' }, 'ERR_OPTION_INVALID'],
    [{ colour: 'red' }, 'ERR_OPTION_UNKNOWN'],
  ])('refuses wrong options at start: %p', (wrong, code) => {
    const options = { url: 'https://risk.internal', token: TOKEN, ...wrong } as RiskServiceOptions
    expect(() => riskService(options)).toThrow(expect.objectContaining({ code }))
  })
})
