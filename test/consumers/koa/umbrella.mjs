import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import { countermark } from 'countermark/koa'
import Koa from 'koa'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const record = {
  agentId: 'agt_consumer',
  key: publicKey.export({ format: 'jwk' }),
  record: { capabilities: ['orders:read'] },
}
let origin = ''
const agents = countermark({
  authorities: () => [origin],
  keys: staticKeys([record]),
  replay: memoryReplayStore(),
})
const app = new Koa()
app.use(agents)
const guards = { '/orders': agents.require('orders:read'), '/refunds': agents.require('refunds:create') }
app.use((ctx, next) => guards[ctx.path](ctx, next))
app.use((ctx) => {
  ctx.body = { may: ctx.state.agent.can('orders:read') }
})
const server = await startServer(app.callback())
origin = server.origin

const agentFetch = createAgentFetch({ agentId: 'agt_consumer', key: privateKey, origins: [origin] })
const allowed = await agentFetch(`${origin}/orders`)
assert.deepEqual([allowed.status, await allowed.json()], [200, { may: true }])
assert.equal((await agentFetch(`${origin}/refunds`)).status, 403)
assert.equal((await fetch(`${origin}/orders`)).status, 401)

const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource`)
const { resource, scopes_supported } = await metadata.json()
assert.deepEqual([resource, scopes_supported], [origin, ['orders:read', 'refunds:create']])
await server.close()
