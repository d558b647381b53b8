const { createGuard } = require('@countermark/express')
const { memoryReplayStore, preventReplay } = require('@countermark/replay')
const { verifySignature } = require('@countermark/signature')
const { createTestAgent, keySourceOf, startServer } = require('@countermark/testing')
const express = require('express')

let agent
let server

beforeAll(async () => {
  agent = await createTestAgent({ agentId: 'agt_consumer' })
  const guard = createGuard({ authorities: () => [server.origin] })
  const app = express()
  app.use(guard(verifySignature({ keys: keySourceOf(agent) }), preventReplay({ store: memoryReplayStore() })))
  app.get('/whoami', (req, res) => res.json({ agent: req.agent.id }))
  server = await startServer(app)
})

afterAll(() => server.close())

describe('a guarded route', () => {
  it('knows who signed', async () => {
    const { url, headers } = await agent.signRequest({ url: `${server.origin}/whoami` })
    const response = await fetch(url, { headers })
    expect([response.status, await response.json()]).toEqual([200, { agent: 'agt_consumer' }])
  })

  it('refuses the same request sent again', async () => {
    const { url, headers } = await agent.signRequest({ url: `${server.origin}/whoami` })
    await fetch(url, { headers })
    expect(await (await fetch(url, { headers })).json()).toMatchObject({ status: 401, code: 'replay_detected' })
  })

  it('refuses a request that nobody signed', async () => {
    expect((await fetch(`${server.origin}/whoami`)).status).toBe(401)
  })
})
