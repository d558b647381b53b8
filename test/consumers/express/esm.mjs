import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { tables } from '@countermark/ed25519-tables'
import { createGuard } from '@countermark/express'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, startServer } from '@countermark/testing'
import express from 'express'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const tester = await createTestAgent({ agentId: 'agt_tester' })
const keys = staticKeys([
  { agentId: 'agt_consumer', key: publicKey.export({ format: 'jwk' }) },
  { agentId: 'agt_tester', key: tester.publicPem },
])
const guard = createGuard({ authorities: () => [origin], verifier: tables({ after: 1 }) })
const app = express()
app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() })))
app.use(express.json())
app.post('/orders', (req, res) => res.status(201).json({ orderedBy: req.agent.id, item: req.body.item }))
const { origin, close } = await startServer(app)

const order = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item":"kettle"}' }
const agentFetch = createAgentFetch({ agentId: 'agt_consumer', key: privateKey, origins: [origin] })
const signed = await agentFetch(`${origin}/orders`, order)
assert.equal(signed.status, 201)
assert.deepEqual(await signed.json(), { orderedBy: 'agt_consumer', item: 'kettle' })

const { url, headers } = await tester.signRequest({ url: `${origin}/orders`, ...order })
const independent = await fetch(url, { ...order, headers })
assert.equal(independent.status, 201)

const unsigned = await fetch(`${origin}/orders`, order)
assert.equal(unsigned.status, 401)
assert.equal((await unsigned.json()).code, 'credentials_missing')
await close()
