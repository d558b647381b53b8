import { type AssessRiskOptions, assessRisk, type RiskBook, type RiskCheck } from '@countermark/risk'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const REVIEW = { by: 'rita', why: 'looked at it' } as const

function describeRisk<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`assessRisk on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function startRisk(options: AssessRiskOptions = {}): Promise<GuardedApp & { readonly risk: RiskCheck }> {
      const risk = assessRisk(options)
      const app = await start({
        options: { observers: [risk.observer] },
        build: ({ guard, checks, adapter }) => [
          guard(checks.verify, checks.once, risk),
          adapter.answer(({ agent }) => ({ risk: agent?.risk })),
        ],
      })
      return { ...app, risk }
    }

    it('tells handlers how the agent behaves', async () => {
      const { send } = await startRisk()
      const { status, text } = await send({})
      expect([status, JSON.parse(text)]).toEqual([
        200,
        { risk: { score: 0, level: 'allow', wouldBe: 'allow', reasons: [] } },
      ])
    })

    it('slows an agent down that sends more than any may', async () => {
      const { send } = await startRisk({ policy: { limits: { requestsPerMinute: 2 } } })
      const answers = await Promise.all(Array.from({ length: 8 }, () => send({})))
      const slowed = answers.find((answer) => outcomeOf(answer) === '429 risk_throttled')
      expect(answers.map(outcomeOf)).toContain('200')
      expect(slowed?.header('retry-after')).toBe('1')
    })

    it('lets a read-only agent read, a request a second, and use safe routes', async () => {
      const { send, risk } = await startRisk({ policy: { safeRoutes: ['POST /search'] } })
      await risk.review('agt_buyer', { action: 'raise', level: 'read-only', ...REVIEW })
      const post = { method: 'POST', body: '{}' }
      const answers = [
        await send({ ...post, target: '/orders' }),
        await send({ ...post, target: '/search' }),
        await send({}),
      ]
      expect(answers.map(outcomeOf)).toEqual(['403 risk_read_only', '200', '429 risk_throttled'])
    })

    it('stops a blocked agent until a person clears it', async () => {
      const { send, risk } = await startRisk()
      await risk.review('agt_buyer', { action: 'raise', level: 'block', ...REVIEW })
      const blocked = await send({})
      await risk.review('agt_buyer', { action: 'clear', ...REVIEW })
      expect([outcomeOf(blocked), outcomeOf(await send({}))]).toEqual(['403 risk_blocked', '200'])
    })

    it('counts what is not there against the agent that asked for it', async () => {
      const risk = assessRisk({ policy: { limits: { failuresPerMinute: 3 } } })
      const app = await start({
        options: { observers: [risk.observer] },
        build: ({ app, guard, checks }) => void app.use(guard(checks.verify, checks.once, risk)),
      })
      const answers = []
      for (let round = 0; round < 6; round++) answers.push(await app.send({ target: `/missing/${round}` }))
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 429])
    })

    it('does not count what is sent without a proof', async () => {
      const { sendPlain, send, risk } = await startRisk({ policy: { limits: { requestsPerMinute: 2 } } })
      for (let round = 0; round < 5; round++) await sendPlain({ headers: [['Agent-ID', 'agt_buyer']] })
      expect([await risk.find('agt_buyer'), outcomeOf(await send({}))]).toEqual([undefined, '200'])
    })

    it.each([
      ['allow', '200'],
      ['read-only', '503 risk_unavailable'],
      ['local', '200'],
    ] as const)('holds to the fallback %s while the store cannot answer', async (fallback, outcome) => {
      const { send } = await startRisk({ store: { name: 'broken', open: () => BROKEN }, fallback })
      expect(outcomeOf(await send({ method: 'POST', body: '{}' }))).toBe(outcome)
      const read = await send({})
      expect([outcomeOf(read), JSON.parse(read.text).risk.fallback]).toEqual(['200', fallback])
    })
  })
}

const BROKEN: RiskBook = {
  assess: () => Promise.reject(new Error('the store is gone')),
  takeTurn: () => 0,
  tell: () => undefined,
  review: () => Promise.reject(new Error('the store is gone')),
  find: () => undefined,
}

describeRisk('Express 5', expressAdapter(express))
describeRisk('Express 4', expressAdapter(express4))
describeRisk('Koa 3', koaAdapter(Koa))
describeRisk('Koa 2', koaAdapter(Koa2))
