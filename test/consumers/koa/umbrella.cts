import { body } from '@countermark/capability'
import { keycloak } from '@countermark/delegation'
import { registry } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { type Countermark, countermark, type KoaCountermarkOptions } from 'countermark/koa'
import Koa, { type Middleware } from 'koa'

const options: KoaCountermarkOptions = {
  authorities: ['api.example.com'],
  keys: registry('https://registry.example.com/agents'),
  replay: memoryReplayStore(),
  delegation: {
    issuers: [keycloak('https://id.example.com/realms/main')],
    audience: 'https://api.example.com',
    dpop: {},
  },
  respond: 'throw',
}
export const agents: Countermark<Middleware> = countermark(options)

// @ts-expect-error where proofs are remembered is said once, by replay
countermark({ ...options, delegation: { issuers: [], audience: 'a', dpop: { store: memoryReplayStore() } } })

const app = new Koa()
app.use(agents.with({ optional: true }))
app.use(agents.require('refunds:create', { amount: body('/amount') }))
app.use((ctx) => {
  const may: boolean | undefined = ctx.state.agent?.can('refunds:create', { amount: 4200 })
  ctx.body = { may, agent: ctx.state.agent?.id }
})
