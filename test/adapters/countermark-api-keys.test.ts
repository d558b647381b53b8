import { summariesOf } from '@countermark/core/internal'
import type { AdapterUnderTest } from '@countermark/testing'
import { type CountermarkOptions, countermark as expressCountermark, hashApiKey } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { type Umbrella, umbrellaUnderTest } from './countermark-adapter.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'

const SHA256 = hashApiKey('ak_2h7Qw9xZ4mN8')
const LEGACY = { id: 'agt_legacy', state: 'active', capabilities: ['orders:read', 'orders:create'] } as const
const lookup = (sha256: string) => (sha256 === SHA256 ? { sha256, agent: LEGACY } : undefined)
const KEY = [['X-API-Key', 'ak_2h7Qw9xZ4mN8']] as const
const DATES = { deprecated: '2026-01-01T00:00:00Z', sunset: '2999-01-01T00:00:00Z' }

function describeKeys<Middleware>(
  name: string,
  framework: AdapterUnderTest<Middleware>,
  countermark: Umbrella<Middleware>,
): void {
  describe(`countermark with API keys on ${name}`, () => {
    const { adapter, createChecks, createAgents } = umbrellaUnderTest(framework, countermark)
    const start = useGuardedApps(adapter, createChecks)

    const startApp = (options: Partial<CountermarkOptions> = {}): Promise<GuardedApp> =>
      start({
        build: ({ app, handler }) => {
          const agents = createAgents({ apiKeys: { lookup, ...DATES }, ...options })
          app.route('post', '/orders', agents.with({ minimumLevel: 'identified' }), handler)
          app.use(agents)
          app.route('get', '/orders', agents.require('orders:read'), handler)
          app.route('get', '/payouts', agents.require('payouts:read'), handler)
          app.use(handler)
        },
      })

    it('takes a signature or a key, and goes on with what was granted to the agent', async () => {
      const app = await startApp()
      const target = '/orders'
      expect([
        outcomeOf(await app.sendPlain({ target, headers: KEY })),
        outcomeOf(await app.sendPlain({ target: '/payouts', headers: KEY })),
        outcomeOf(await app.send({ target: '/' })),
        outcomeOf(await app.sendPlain({ target })),
      ]).toEqual(['200', '403 insufficient_scope', '200', '401 credentials_missing'])
      expect(app.runs.map(({ agent }) => agent?.id)).toEqual(['agt_legacy', 'agt_buyer'])
    })

    it('takes a key for a change only where a route names it', async () => {
      const app = await startApp()
      const post = { method: 'POST', headers: KEY, body: Buffer.from('{}') }
      expect([
        outcomeOf(await app.sendPlain({ ...post, target: '/orders' })),
        outcomeOf(await app.sendPlain({ ...post, target: '/payouts' })),
      ]).toEqual(['200', '401 scheme_not_allowed'])
    })

    it('publishes until when keys count', async () => {
      const app = await startApp()
      const { text } = await app.sendPlain({ target: '/.well-known/oauth-protected-resource' })
      expect(JSON.parse(text)).toMatchObject({ api_keys: { header: 'x-api-key', ...DATES, brownouts: [] } })
    })

    it('is one middleware of two guards for tools that look at it', () => {
      const agents = createAgents({ apiKeys: { lookup } })
      expect(summariesOf(agents)).toEqual([
        { checks: ['verifySignature', 'preventReplay'], mode: 'enforce', optional: true },
        { checks: ['apiKeys'], mode: 'enforce', optional: false },
      ])
    })
  })
}

describeKeys('Express 5', expressAdapter(express), expressCountermark)
describeKeys('Express 4', expressAdapter(express4), expressCountermark)
describeKeys('Koa 3', koaAdapter(Koa), koaCountermark)
describeKeys('Koa 2', koaAdapter(Koa2), koaCountermark)
