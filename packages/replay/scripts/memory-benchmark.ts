import { createHash, randomFillSync } from 'node:crypto'
import type { Environment } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { memoryReplayStore } from '../src/index.ts'

// Bytes for each remembered claim, and CPU time for each claim, while the store grows and in the windows after.
// npm run bench:memory -w @countermark/replay [-- <claims in a window>]

const CLAIMS = Number(process.argv[2] ?? 1_000_000)
const WINDOWS = 3
const KEYS = 1000
const STEP = CLAIMS / 10
const ID_BYTES = 32

let nowMs = Date.now()
const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs }
const environment: Environment = {
  clock,
  verifier: nodeVerifier,
  report: () => undefined,
  development: false,
  hidesAgents: false,
  service: () => 'api.example.com',
}
const thumbprints = Array.from({ length: KEYS }, (_, key) => createHash('sha256').update(`${key}`).digest('base64url'))
const random = Buffer.alloc(STEP * ID_BYTES)
const id = Buffer.alloc(ID_BYTES)
const rows: Record<string, number>[] = []

const before = usedBytes()
const store = memoryReplayStore({ clock, maxClaims: CLAIMS * 2, maxClaimsPerKey: CLAIMS, allowSingleProcess: true })
for (let window = 1; window <= WINDOWS; window++) {
  for (let live = STEP; live <= CLAIMS; live += STEP) rows.push({ window, live, ...measureStep() })
  nowMs += 400_000
}
console.table(rows)
console.log(`${CLAIMS} claims of ${KEYS} keys in a window: at most ${Math.max(...rows.map(bytesOf))} bytes each`)

function measureStep(): Record<string, number> {
  randomFillSync(random)
  const from = process.cpuUsage()
  for (let index = 0; index < STEP; index++) claim(index)
  const { user, system } = process.cpuUsage(from)
  return { 'CPU µs each': round((user + system) / STEP), 'bytes in all': usedBytes() - before }
}

function claim(index: number): void {
  random.copy(id, 0, index * ID_BYTES)
  const created = Math.floor(nowMs / 1000)
  const thumbprint = thumbprints[index % KEYS] as string
  const acceptUntil = created + 300 + (index % 60)
  const result = store.claim({ id, thumbprint, created, acceptUntil, nonce: 'n' }, environment)
  if (result !== 'claimed') throw new Error(`a first claim was ${result}`)
}

/** Of a full window: a store that is still filling has room to spare. */
function bytesOf(row: Record<string, number>): number {
  return row['live'] === CLAIMS ? round((row['bytes in all'] ?? 0) / CLAIMS) : 0
}

function usedBytes(): number {
  // Twice: buffers are freed in the round after the objects that hold them.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
