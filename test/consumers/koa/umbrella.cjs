const assert = require('node:assert/strict')
const { generateKeyPairSync } = require('node:crypto')
const { createAgentFetch } = require('@countermark/client')
const { staticKeys } = require('@countermark/keys')
const { memoryReplayStore } = require('@countermark/replay')
const { startServer } = require('@countermark/testing')
const { countermark } = require('countermark/koa')
const Koa = require('koa')

async function main() {
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
}

void main() // a rejection ends the process
