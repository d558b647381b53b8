import { verify } from 'node:crypto'
import type { Guard, Verdict } from '@countermark/core/internal'
import { createNodeGuard } from '@countermark/core/node'
import { createVerificationQueue } from '@countermark/signature'
import { believesAll } from './believes-all.ts'
import { median } from './figures.ts'
import { type BenchIdentity, createIdentity } from './identity.ts'
import { type ParsedMessage, parseMessage, toNodeInput } from './parsed-message.ts'
import { createRequests, type RequestKind } from './requests.ts'
import {
  type CreateChecks,
  createBearerChecks,
  createDpopChecks,
  createFullBodyChecks,
  createFullChecks,
  createSignatureChecks,
  GUARD_OPTIONS,
} from './servers/countermark.ts'
import { createMessages, publicKeyOf } from './servers/units.ts'

/** What happens before each call, as other work does in a server: nothing, a verification, or memory that pushes ours out. */
type Disturbance = 'alone' | 'verified' | 'walked'

const BATCH = 200
const BATCHES = 24
const WALKED_BYTES = 1 << 20
const CACHE_LINE = 64

const CHECKS: Readonly<Record<string, { readonly requests: RequestKind; readonly create: CreateChecks }>> = {
  signature: { requests: 'httpsig', create: createSignatureChecks },
  full: { requests: 'full', create: createFullChecks },
  'full-body': { requests: 'full-body', create: createFullBodyChecks },
  refused: { requests: 'refused', create: createSignatureChecks },
  dpop: { requests: 'dpop', create: createDpopChecks },
  bearer: { requests: 'bearer', create: createBearerChecks },
  cold: { requests: 'cold', create: createBearerChecks },
}

interface Batch {
  /** Of each call; only where the guard answers at once. */
  readonly callMicros: readonly number[]
  readonly cpuMicros: number
  readonly bytes: number
}

const [kind = 'full', what = 'time'] = process.argv.slice(2)
const { requests, create } = CHECKS[kind] ?? fail(`no guard for ${kind}`)
const identity = createIdentity()
const disturb = createDisturbances(identity)
const { compose, judge } = createNodeGuard({ ...GUARD_OPTIONS, verifier: believesAll })
// No call gives up the turn here, and the pool is for verifications, which are left out.
const queue = createVerificationQueue({ syncPerTurn: Number.POSITIVE_INFINITY })
const guard: Guard = compose({}, create(identity, { queue }))
if (what === 'heap') await measureHeap()
else await measureTime()

async function measureTime(): Promise<void> {
  const measured = new Map<Disturbance, Batch[]>(Object.keys(disturb).map((name) => [name as Disturbance, []]))
  for (let batch = 0; batch < BATCHES; batch++) {
    for (const [name, batches] of measured) {
      const done = await guardAll(prepare(), disturb[name])
      // The first third teaches the compiler.
      if (batch > BATCHES / 3) batches.push(done)
    }
  }
  console.log(JSON.stringify(Object.fromEntries([...measured].map(([name, batches]) => [name, summary(batches)]))))
}

function summary(batches: readonly Batch[]): { readonly callMicros: number; readonly cpuMicros: number } {
  const calls = batches.flatMap(({ callMicros }) => callMicros)
  return { callMicros: median(calls), cpuMicros: median(batches.map(({ cpuMicros }) => cpuMicros)) }
}

async function measureHeap(): Promise<void> {
  const bytes: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const prepared = prepare()
    globalThis.gc?.()
    bytes.push((await guardAll(prepared, disturb.alone)).bytes)
  }
  console.log(JSON.stringify({ bytes: median(bytes.slice(BATCHES / 3)) }))
}

function prepare(): readonly ParsedMessage[] {
  return createRequests(requests, BATCH, identity).map(parseMessage)
}

/** CPU is that of the batch less that of its disturbances, which are made a second time for that. */
async function guardAll(prepared: readonly ParsedMessage[], before: () => void): Promise<Batch> {
  const callMicros: number[] = []
  const bytesBefore = process.memoryUsage().heapUsed
  const whole = process.cpuUsage()
  for (const { message, content } of prepared) {
    before()
    const start = performance.now()
    const verdict = judge(guard, toNodeInput(message))
    const micros = (performance.now() - start) * 1000
    if ('then' in verdict) {
      // Content comes after the header fields, as the parser of node:http delivers it.
      if (content !== '') message.push(Buffer.from(content))
      message.complete = true
      message.push(null)
      expect(await verdict)
    } else {
      callMicros.push(micros)
      expect(verdict)
    }
  }
  const used = process.cpuUsage(whole)
  const bytes = (process.memoryUsage().heapUsed - bytesBefore) / BATCH
  const disturbed = process.cpuUsage()
  for (const _ of prepared) before()
  const { user, system } = process.cpuUsage(disturbed)
  return { callMicros, cpuMicros: (used.user + used.system - user - system) / BATCH, bytes }
}

function createDisturbances({ agentKey }: BenchIdentity): Readonly<Record<Disturbance, () => void>> {
  const messages = createMessages(agentKey, null)
  const key = publicKeyOf(agentKey)
  const memory = Buffer.alloc(WALKED_BYTES)
  let next = 0
  let sum = 0
  const verifyOne = (): void => {
    const { message, signature } = messages[next++ % messages.length] ?? fail('no message')
    if (!verify(null, message, key, signature)) fail('the unit must verify')
  }
  return {
    alone: () => {},
    verified: verifyOne,
    walked: () => {
      verifyOne()
      for (let at = 0; at < WALKED_BYTES; at += CACHE_LINE) sum += memory[at] ?? 0
      if (sum !== 0) fail('memory changed')
    },
  }
}

function expect(verdict: Verdict): void {
  if (verdict.outcome === (kind === 'refused' ? 'deny' : 'allow')) return
  fail(verdict.outcome === 'deny' ? verdict.reply.body : 'allowed')
}

function fail(message: string): never {
  throw new Error(message)
}
