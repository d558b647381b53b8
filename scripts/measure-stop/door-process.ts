// A guarded shop in a process of its own.
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import { countermark, fromAuthority } from 'countermark/express'
import express from 'express'
import { Redis } from 'ioredis'
import { type DoorInput, SHOP } from './start-door.ts'

const { authorityPort, door, token, redisUrl, staleAfterSeconds }: DoorInput = JSON.parse(process.argv[2] ?? '')
const redis = redisUrl === undefined ? undefined : new Redis(redisUrl)
const authority = fromAuthority(`http://127.0.0.1:${authorityPort}`, {
  ...{ door, token, staleAfterSeconds, allowHttp: true, allowPrivateAddresses: true },
  ...(redis === undefined ? {} : { redis }),
})
const replay = memoryReplayStore({ allowSingleProcess: true, startedAt: 0 })
const app = express()
app.get('/state', (_req, res) => void res.json(authority.state()))
app.use(countermark({ origins: [SHOP], authority, replay, sourceLimit: 'off', onRefusal: () => undefined }))
app.use((_req, res) => void res.json({}))
const { port } = await startServer(app)
await authority.ready()
console.log(`port ${port}`)
