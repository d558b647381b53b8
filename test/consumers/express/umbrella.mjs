import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import { countermark } from 'countermark/express'
import express from 'express'

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
const app = express()
app.use(agents)
app.get('/orders', agents.require('orders:read'), (req, res) => res.json({ may: req.agent.can('orders:read') }))
app.get('/refunds', agents.require('refunds:create'), (_req, res) => res.sendStatus(204))
const server = await startServer(app)
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
