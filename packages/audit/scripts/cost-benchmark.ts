import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createHeaderFields, type Decision, type Recorder } from '@countermark/core'
import type { Outcome } from '@countermark/core/internal'
import { type AuditTrail, auditTrail, fileSink } from '../src/index.ts'
import type { AuditSink } from '../src/sinks.ts'

// CPU for each request that is recorded, its decision, waited for where it changes something, and its outcome, against one
// crypto.verify: of the main thread, and of all threads. On Linux. Compiled, as loaders make closures dear:
// npx esbuild packages/audit/scripts/cost-benchmark.ts packages/audit/src/audit-thread.ts --bundle --platform=node --format=esm \
//   --entry-names=[name] --out-extension:.js=.mjs --conditions=@countermark/source --outdir=FOLDER && node FOLDER/cost-benchmark.mjs [requests] [at once]

const REQUESTS = Number(process.argv[2] ?? 40_000)
const AT_ONCE = Number(process.argv[3] ?? 64)
const ROUNDS = 7

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const PARAMETERS = `("@method" "@authority" "@path" "@query" "content-digest" "content-type" "agent-id");created=1767225600;expires=1767225660;nonce="q3Wc0Yw1m2s7o5dFvXgkZQ";keyid="DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY";tag="agent-auth"`
const BASE = Buffer.from(
  `"@method": POST\n"@authority": api.example.com\n"@path": /orders/7\n"@query": ?limit=2\n"content-digest": sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\n"content-type": application/json\n"agent-id": agt_buyer\n"@signature-params": ${PARAMETERS}`,
)
const SIGNATURE = sign(null, BASE, privateKey)
const HEADERS = createHeaderFields([
  'Host',
  'api.example.com',
  'Content-Digest',
  'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
])
let next = 1e11
const OUTCOME: Outcome = { requestId: '', status: 201, durationMs: 3.25, aborted: false }

interface Row {
  readonly what: string
  readonly mainUs: number
  readonly us: number
}

const UNLIMITED = { maxBytes: Number.MAX_SAFE_INTEGER }
const folder = mkdtempSync(join(tmpdir(), 'countermark-audit-'))
const nowhere: AuditSink = { name: 'nowhere', durable: true, append: async () => {} }
const path = join(folder, 'audit.ndjson')
const nothing: Recorder = { record: () => Promise.resolve(), finish: () => {} }
const trails: Readonly<Record<string, AuditTrail>> = {
  'a sink that does nothing': auditTrail({ sinks: [nowhere] }),
  'file, fsync never': auditTrail({ sinks: [fileSink({ path: `${path}.never`, fsync: 'never' })], worker: false }),
  'file, fsync group': auditTrail({ sinks: [fileSink({ path: `${path}.group`, ...UNLIMITED })], worker: false }),
  'file, fsync never, a thread': auditTrail({ sinks: [fileSink({ path: `${path}.nt`, fsync: 'never' })] }),
  'file, fsync group, a thread': auditTrail({ sinks: [fileSink({ path, ...UNLIMITED })] }),
}
try {
  for (const trail of Object.values(trails)) await trail.ready()
  for (const method of ['POST', 'GET']) {
    const rows: Row[][] = []
    for (let round = 0; round < ROUNDS; round++) rows.push(await measureRound(method))
    const [unit, itself] = [0, 1].map((at) => middle(rows, at))
    console.log(method)
    console.table(
      (rows[0] ?? []).map(({ what }, index) => {
        const { mainUs, us } = middle(rows, index)
        const less = index > 1 ? itself : { mainUs: 0, us: 0 }
        const [main, all] = [mainUs - (less?.mainUs ?? 0), us - (less?.us ?? 0)]
        return {
          what,
          'main µs': main.toFixed(1),
          'all µs': all.toFixed(1),
          units: (main / (unit?.us ?? 0)).toFixed(3),
        }
      }),
    )
  }
  console.log(`${(statSync(path).size / (REQUESTS * ROUNDS * 2)).toFixed(0)} bytes a request, ${AT_ONCE} at once`)
} finally {
  for (const trail of Object.values(trails)) await trail.close()
  rmSync(folder, { recursive: true })
}

async function measureRound(method: string): Promise<Row[]> {
  const rows: Row[] = [
    await measure('one crypto.verify', 2000, async () => void verify(null, BASE, publicKey, SIGNATURE)),
  ]
  rows.push(await measure('the benchmark itself', REQUESTS, () => recordOne(nothing, method)))
  for (const [what, trail] of Object.entries(trails)) {
    rows.push(await measure(what, REQUESTS, () => recordOne(trail, method)))
    await trail.flush?.()
  }
  return rows
}

/** User and system time: what the thread pool writes counts too. */
async function measure(what: string, times: number, work: () => Promise<void>): Promise<Row> {
  const [before, mainBefore] = [process.cpuUsage(), mainNs()]
  let left = times
  const client = async (): Promise<void> => {
    // A turn of the loop for each of them, as each request has one of its own.
    for (; left-- > 0; await new Promise(setImmediate)) await work()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, client))
  const { user, system } = process.cpuUsage(before)
  return { what, us: (user + system) / times, mainUs: (mainNs() - mainBefore) / 1000 / times }
}

function mainNs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])
}

async function recordOne(trail: Recorder, method: string): Promise<void> {
  // Not faster than it is written.
  for (;;) {
    const decision = aDecision(method)
    try {
      await trail.record(decision)
      trail.finish?.(decision, OUTCOME)
      return
    } catch {
      await wait(2)
    }
  }
}

function middle(rows: readonly (readonly Row[])[], index: number): { readonly mainUs: number; readonly us: number } {
  const of = (read: (row: Row) => number): number =>
    median(rows.map((row) => (row[index] === undefined ? Number.NaN : read(row[index]))))
  return { mainUs: of(({ mainUs }) => mainUs), us: of(({ us }) => us) }
}

function aDecision(method: string): Decision {
  return {
    requestId: `0b8f5a1c-5d0f-4a55-9d0e-${next++}`,
    atMs: 1_767_225_600_000,
    outcome: 'allow',
    check: 'preventReplay',
    refusal: undefined,
    status: undefined,
    request: {
      method,
      target: '/orders/7?limit=2',
      path: '/orders/7',
      query: '?limit=2',
      scheme: 'https',
      authority: 'api.example.com',
      headers: HEADERS,
      remoteAddress: '192.0.2.1',
      hasBody: false,
      contentLength: undefined,
      body: () => new Uint8Array(),
      route: () => ({ template: '/orders/:id', parameters: { id: '7' } }),
      raw: {},
    },
    agent: undefined,
    facts: {
      agent: { id: 'agt_buyer', level: 'signed', scheme: 'httpsig', record: { id: 'agt_buyer', state: 'active' } },
      proof: {
        scheme: 'httpsig',
        keyId: 'DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY',
        thumbprint: 'DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY',
        algorithm: 'ed25519',
        created: 1_767_225_600,
        acceptUntil: 1_767_225_660,
        nonce: 'q3Wc0Yw1m2s7o5dFvXgkZQ',
        baseHash: '',
        label: 'sig1',
        tag: 'agent-auth',
        signed: { base: BASE, signature: SIGNATURE },
        publicKey,
        covers: () => true,
      },
    },
    timings: [],
    mode: 'enforce',
    configuration: 'DPb2C1ZbN8jLoIuYJd_1CIyZdO0wqJzSAVYUZ5-vXbY',
    anonymous: false,
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
