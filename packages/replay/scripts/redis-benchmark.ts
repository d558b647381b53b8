import { randomBytes } from 'node:crypto'
import type { Environment, ReplayClaim } from '@countermark/core'
import { nodeVerifier, systemClock } from '@countermark/core/internal'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { redisReplayStore } from '../src/index.ts'
import { startRedis } from '../test/redis-server.ts'

// CPU of this process for a claim in Redis, next to the plainest command. npm run bench:redis -w @countermark/replay

const OPERATIONS = 20_000
const environment: Environment = {
  clock: systemClock,
  verifier: nodeVerifier,
  report: () => undefined,
  development: false,
  hidesAgents: false,
  service: () => 'api.example.com',
}

const server = await startRedis()
const ioredis = new Redis(server.port)
const nodeRedis = await createClient({ url: `redis://127.0.0.1:${server.port}` }).connect()
const stores = {
  ioredis: redisReplayStore({ client: ioredis, prefix: 'i:', deadlineMs: 5000, maxClaimsPerKey: 1e9 }),
  'node-redis': redisReplayStore({ client: nodeRedis, prefix: 'n:', deadlineMs: 5000, maxClaimsPerKey: 1e9 }),
}
const rows: Record<string, unknown>[] = []
for (let round = 1; round <= 3; round++) {
  for (const inFlight of [1, 16, 64]) {
    rows.push({ inFlight, what: 'ioredis SET NX PX', ...(await measure(inFlight, () => setPlainly())) })
    for (const [library, store] of Object.entries(stores)) {
      rows.push({
        inFlight,
        what: `claim with ${library}`,
        ...(await measure(inFlight, () => store.claim(aClaim(), environment))),
      })
    }
  }
}
console.table(rows.slice(-9))
ioredis.disconnect()
nodeRedis.destroy()
await server.stop()

function setPlainly(): Promise<unknown> {
  return ioredis.set(`p:${randomBytes(16).toString('base64url')}`, '1', 'PX', 300_000, 'NX')
}

function aClaim(): ReplayClaim {
  const created = Math.floor(Date.now() / 1000)
  return { id: randomBytes(32), thumbprint: 'a key', created, acceptUntil: created + 300, nonce: undefined }
}

async function measure(inFlight: number, operate: () => unknown): Promise<Record<string, number>> {
  const durations: number[] = []
  const from = process.cpuUsage()
  const lane = async (): Promise<void> => {
    for (let index = 0; index < OPERATIONS / inFlight; index++) {
      const startedMs = performance.now()
      await operate()
      durations.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const { user, system } = process.cpuUsage(from)
  durations.sort((a, b) => a - b)
  const at = (share: number): number => Math.round((durations[Math.floor(durations.length * share)] ?? 0) * 100) / 100
  return { 'CPU µs each': Math.round((user + system) / OPERATIONS), 'p50 ms': at(0.5), 'p99 ms': at(0.99) }
}
