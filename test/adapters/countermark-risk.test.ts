import { createTestAgent, keySourceOf, rawRequest, sendRaw, startServer } from '@countermark/testing'
import { countermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import type { CountermarkOptions } from '../../packages/countermark/src/countermark-options.ts'

const ORIGIN = 'http://api.example.com'
const RISK = { policy: { limits: { requestsPerMinute: 1 } } }

async function statusesOf(
  listen: (
    options: Pick<CountermarkOptions, 'origins' | 'keys' | 'risk'>,
  ) => express.Express | ReturnType<Koa['callback']>,
) {
  const agent = await createTestAgent({ agentId: 'agt_buyer' })
  const server = await startServer(listen({ origins: [ORIGIN], keys: keySourceOf(agent), risk: RISK }))
  const statuses: number[] = []
  for (let round = 0; round < 3; round++) {
    const signed = await agent.signRequest({})
    statuses.push((await sendRaw(server.port, rawRequest(signed))).status)
  }
  await server.close()
  return statuses
}

describe('countermark({ risk })', () => {
  it('slows an agent down on Express', async () => {
    const statuses = await statusesOf((options) => {
      const app = express()
      return app.use(countermark(options), (_req, res) => void res.json({}))
    })
    expect(statuses).toEqual([200, 200, 429])
  })

  it('slows an agent down on Koa', async () => {
    const statuses = await statusesOf((options) => {
      const app = new Koa()
      app.use(koaCountermark(options)).use((ctx) => {
        ctx.body = {}
      })
      return app.callback()
    })
    expect(statuses).toEqual([200, 200, 429])
  })
})
