// A guarded application in a process of its own: its flood must not slow down the process that makes it, nor be slowed down by it.
import { createGuard } from '@countermark/express'
import { type RegistryOptions, redisSecondLevel, registry } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { startServer } from '@countermark/testing'
import express from 'express'
import { Redis } from 'ioredis'
import { AUTHORITY, type GuardedAppInput } from './guarded-process.ts'

const input: GuardedAppInput = JSON.parse(process.argv[2] ?? '')
const redis = input.redisUrl === undefined ? undefined : new Redis(input.redisUrl)
const options: RegistryOptions = {
  ...{ allowHttp: true, allowPrivateAddresses: true },
  ...input.keys,
  ...(redis === undefined ? {} : { secondLevel: redisSecondLevel(redis) }),
}
const guard = createGuard({ origins: [AUTHORITY], trustedProxies: ['127.0.0.1'] })
const app = express()
app.use(
  guard(
    verifySignature({ keys: registry(input.registryUrl, options) }),
    preventReplay({ store: memoryReplayStore({ allowSingleProcess: true, startedAt: 0 }) }),
  ),
)
app.get('/orders', (_request, response) => void response.json([]))
app.post('/orders', (_request, response) => void response.json({}))
const { port } = await startServer(app)
console.log(`port ${port}`)
