import { createHash, randomFillSync } from 'node:crypto'
import { type Environment, nodeVerifier, type ReplayStore, systemClock } from '@countermark/core'
import { memoryReplayStore } from '../src/index.ts'

// Bytes for each remembered claim, and CPU time for each claim at growing sizes. `npm run bench:memory -w @countermark/replay`

const CLAIMS = Number(process.argv[2] ?? 1_000_000)
const KEYS = 1000
const STEP = CLAIMS / 10
const ID_BYTES = 32

const environment: Environment = { clock: systemClock, verifier: nodeVerifier, report: () => {}, development: false }
const thumbprints = Array.from({ length: KEYS }, (_, key) => createHash('sha256').update(`${key}`).digest('base64url'))
const random = Buffer.alloc(STEP * ID_BYTES)
const id = Buffer.alloc(ID_BYTES)
const durations = new Float64Array(STEP)

const before = usedBytes()
const store = memoryReplayStore({ allowSingleProcess: true, maxClaims: CLAIMS, maxClaimsPerKey: CLAIMS })
const rows: Record<string, number>[] = []
for (let made = 0; made < CLAIMS; made += STEP) rows.push({ claims: made + STEP, ...measure(store) })
console.table(rows)
console.log(`${CLAIMS} claims of ${KEYS} keys: ${round((usedBytes() - before) / CLAIMS)} bytes each, heap and buffers`)

function measure(claims: ReplayStore): Record<string, number> {
  randomFillSync(random)
  const from = process.cpuUsage()
  for (let index = 0; index < STEP; index++) claim(claims, index)
  const { user, system } = process.cpuUsage(from)
  randomFillSync(random)
  for (let index = 0; index < STEP; index++) {
    random.copy(id, 0, index * ID_BYTES)
    const started = performance.now()
    void claims.claim({ id, thumbprint: 'probe', created: 0, acceptUntil: 0, nonce: undefined }, environment)
    durations[index] = (performance.now() - started) * 1000
  }
  durations.sort()
  return {
    'CPU µs each': round((user + system) / STEP),
    'look-up p99 µs': round(durations[Math.floor(STEP * 0.99)] ?? 0),
  }
}

function claim(claims: ReplayStore, index: number): void {
  random.copy(id, 0, index * ID_BYTES)
  const created = Math.floor(Date.now() / 1000)
  const thumbprint = thumbprints[index % KEYS] as string
  const acceptUntil = created + 300 + (index % 60)
  const result = claims.claim({ id, thumbprint, created, acceptUntil, nonce: 'n' }, environment)
  if (result !== 'claimed') throw new Error(`a first claim was ${result}`)
}

function usedBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
