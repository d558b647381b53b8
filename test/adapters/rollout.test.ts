import { type AgentFact, type Check, defineCheck, Refusal } from '@countermark/core'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

/** The agent of `X-Agent`, as if it were proven: which one it is matters here, not how. */
const nameAgent: Check<object, { readonly agent: AgentFact }> = defineCheck(
  { name: 'name_agent', needs: [], adds: ['agent'] },
  ({ headers }) => {
    const id = headers.only('x-agent') ?? 'agt_none'
    return { agent: { id, level: 'signed', scheme: 'httpsig', record: { id, state: 'active' } } }
  },
)
const refuse: Check = defineCheck({ name: 'refuse', needs: [], adds: [] }, () => {
  throw new Refusal('insufficient_scope', 'refused')
})

function describeRollout<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`a share of callers on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function refusedAt(percent: number): Promise<readonly string[]> {
      const app = await start({
        options: { enforce: { percent } },
        build: ({ guard, handler }) => [guard(nameAgent, refuse as never), handler],
      })
      const refused: string[] = []
      for (let index = 0; index < 50; index++) {
        const response = await app.sendPlain({ headers: [['X-Agent', `agt_${index}`]] })
        if (outcomeOf(response) === '403 insufficient_scope') refused.push(`agt_${index}`)
      }
      expect(app.observer.decisions.filter(({ mode }) => mode === 'enforce')).toHaveLength(refused.length)
      return refused
    }

    it('is refused, always the same one, and stays in a greater one', async () => {
      const [ten, again, thirty] = [await refusedAt(10), await refusedAt(10), await refusedAt(30)]
      expect(ten).toEqual(['agt_13', 'agt_14', 'agt_24', 'agt_26', 'agt_34'].concat(ten.slice(5)))
      expect([again, ten.filter((agent) => !thirty.includes(agent))]).toEqual([ten, []])
      expect([await refusedAt(0), (await refusedAt(100)).length]).toEqual([[], 50])
    })
  })
}

describeRollout('Express 5', expressAdapter(express))
describeRollout('Express 4', expressAdapter(express4))
describeRollout('Koa 3', koaAdapter(Koa))
describeRollout('Koa 2', koaAdapter(Koa2))
