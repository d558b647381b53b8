// An authority in a process of its own, over a database that may hold agents already.
import { join } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import { createAuthority } from '@countermark/authority'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import { Redis } from 'ioredis'
import type { AuthorityInput } from './start-authority.ts'

const begunMs = performance.now()
const input: AuthorityInput = JSON.parse(process.argv[2] ?? '')
const redis = input.redisUrl === undefined ? undefined : new Redis(input.redisUrl)
const server = await startServer((req, res) => void authority.handle(req, res))
const authority = createAuthority({
  ...{ origins: ['http://authority.test'], storage: input.storage, doorTokens: [input.doorToken] },
  administrators: ['agent:agt_admin'],
  keys: staticKeys([{ agentId: 'agt_admin', key: input.adminJwk }]),
  trail: auditTrail({ sinks: [fileSink({ path: join(input.folder, 'audit.ndjson') })], deadlineMs: 20_000 }),
  encryptionKeys: { v1: Buffer.alloc(32, 7).toString('base64') },
  replayStore: memoryReplayStore({ allowSingleProcess: true, startedAt: 0 }),
  tokens: { issuer: server.origin, services: [{ audience: 'http://shop.test' }] },
  ...(redis === undefined ? {} : { push: { redis } }),
  ...{ sourceLimit: 'off', callsPerSecond: 100_000 },
})
await authority.ready()
console.log(`ready in ${Math.round(performance.now() - begunMs)} ms on port ${server.port}`)
