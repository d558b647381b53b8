import { consultPolicy, type PolicyFunction, type PolicyInput } from '@countermark/policy'
import { agentKeyOf, createTestAgent, keySourceOf, rawRequest, sendRaw, startServer } from '@countermark/testing'
import { countermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import type { CountermarkOptions } from '../../packages/countermark/src/countermark-options.ts'

type Given = Pick<CountermarkOptions, 'origins' | 'keys' | 'policy'>

const ROUTE = { action: 'pr.create', resource: { repo: 'acme/api' } }

function onExpress(options: Given): express.Express {
  const app = express()
  const agents = countermark(options)
  return app.use(agents).use(agents.require('pr:write:draft', {}, { policy: ROUTE }), (_req, res) => void res.json({}))
}

function onKoa(options: Given): ReturnType<Koa['callback']> {
  const app = new Koa()
  const agents = koaCountermark(options)
  app.use(agents).use(agents.require('pr:write:draft', {}, { policy: ROUTE }))
  app.use((ctx) => {
    ctx.body = {}
  })
  return app.callback()
}

describe.each([
  ['Express', onExpress],
  ['Koa', onKoa],
] as const)('countermark({ policy }) on %s', (_name, listen) => {
  async function statusWith(policy: NonNullable<Given['policy']>): Promise<number> {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const keys = keySourceOf(
      agentKeyOf(agent, { agent: { id: 'agt_buyer', capabilities: ['pr:write:draft'], state: 'active' } }),
    )
    const server = await startServer(listen({ origins: ['http://api.example.com'], keys, policy }))
    const signed = await agent.signRequest({ method: 'POST', target: '/pulls', body: '{}' })
    const { status } = await sendRaw(server.port, rawRequest(signed))
    await server.close()
    return status
  }

  it('asks behind require, with what the route says of itself', async () => {
    const seen: PolicyInput[] = []
    const policy: PolicyFunction = (input) => seen.push(input) > 0
    expect(await statusWith(policy)).toBe(200)
    expect(seen).toMatchObject([{ ...ROUTE, actor: { id: 'agt_buyer' }, scope: ['pr:write:draft'] }])
  })

  it('takes an engine, and what consultPolicy returned', async () => {
    expect(await statusWith({ name: 'mine', decide: () => false })).toBe(403)
    expect(await statusWith(consultPolicy(() => undefined))).toBe(503)
  })

  it('refuses at the start what is none, and a route that tells a policy that is not there', () => {
    const options = { origins: ['http://api.example.com'], keys: keySourceOf() }
    expect(() => listen({ ...options, policy: 'opa' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
    expect(() => listen(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_MISSING' }))
  })
})
