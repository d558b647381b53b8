import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { auditTrail, fileSink } from '@countermark/audit'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { createAuthority } from '../src/index.ts'

// An authority to be killed: every answered act must be in its database, and in its trail.
const [storage = '', path = '', jwk = '{}', port = '0'] = process.argv.slice(2)
const tokens = { issuer: `http://127.0.0.1:${port}`, services: [{ audience: 'https://api.test' }] }
const authority = createAuthority({
  ...{ origins: ['http://authority.test'], storage, administrators: ['agent:agt_admin'] },
  trail: auditTrail({ sinks: [fileSink({ path })], deadlineMs: 20_000, worker: false }),
  encryptionKeys: { v1: Buffer.alloc(32, 7).toString('base64') },
  keys: staticKeys([{ agentId: 'agt_admin', key: JSON.parse(jwk) }]),
  replayStore: memoryReplayStore({ allowSingleProcess: true, startedAt: 0 }),
  ...{ sourceLimit: 'off', callsPerSecond: 100_000 },
  ...(port === '0' ? {} : { tokens }),
})
const server = createServer((req, res) => void authority.handle(req, res))
void authority.ready().then(() => {
  server.listen(Number(port), '127.0.0.1', () =>
    process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`),
  )
})
