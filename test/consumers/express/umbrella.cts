import { body } from '@countermark/capability'
import { keycloak } from '@countermark/delegation'
import { registry } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { type Countermark, countermark, type ExpressCountermarkOptions } from 'countermark/express'
import express, { type RequestHandler } from 'express'

const options: ExpressCountermarkOptions = {
  authorities: ['api.example.com'],
  keys: registry('https://registry.example.com/agents'),
  replay: memoryReplayStore(),
  delegation: {
    issuers: [keycloak('https://id.example.com/realms/main')],
    audience: 'https://api.example.com',
    dpop: {},
  },
  respond: 'next',
}
export const agents: Countermark<RequestHandler> = countermark(options)

// @ts-expect-error where proofs are remembered is said once, by replay
countermark({ ...options, delegation: { issuers: [], audience: 'a', dpop: { store: memoryReplayStore() } } })

const app = express()
app.use(agents.with({ optional: true }))
app.post('/refunds', agents.require('refunds:create', { amount: body('/amount') }), (req, res) => {
  const may: boolean | undefined = req.agent?.can('refunds:create', { amount: 4200 })
  res.json({ may, agent: req.agent?.id })
})
