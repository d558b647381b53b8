import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGuard } from '@countermark/express'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express from 'express'
import { auditTrail, fileSink } from '../src/index.ts'

// A backend to be killed: every answered order must be in the trail.
const [path = '', jwk = '{}', worker = 'true'] = process.argv.slice(2)
const trail = auditTrail({ sinks: [fileSink({ path })], deadlineMs: 20_000, worker: worker === 'true' })
const guard = createGuard({ origins: ['api.example.com'], recorder: trail })
const keys = staticKeys([{ agentId: 'agt_buyer', key: JSON.parse(jwk) }])
const store = memoryReplayStore({ allowSingleProcess: true })
const app = express()
app.post(
  '/orders/:id',
  guard(verifySignature({ keys }), preventReplay({ store })),
  (_req, res) => void res.status(201).end(),
)
const server = createServer(app)
void trail.ready().then(() => {
  server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
})
