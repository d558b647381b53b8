import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.ts'
import { type BenchIdentity, createIdentity } from './identity.ts'
import { IN_FLIGHT, type Measured, measure } from './load.ts'
import { findNode } from './node-binary.ts'
import { writeReport } from './report.ts'
import { createRequests, REPEATABLE, type RequestKind } from './requests.ts'
import { measureStart, type StartCosts } from './start-costs.ts'
import { type StartedServer, startServer } from './started-server.ts'
import { chooseVariants, VARIANTS, type Variant } from './variants.ts'

// All of it takes about ten minutes on a machine with nothing else to do.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '1500' },
    /** Groups, names, or beginnings of names with `*`, by `;`; `start` for what a start costs. @default all */
    only: { type: 'string', default: '*;start' },
    /** Another major version of Node, for the servers. @default the one that runs this */
    node: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const node = findNode(values.node)
const rounds = Number(values.rounds)
const count = Number(values.requests)
const half = Math.ceil(count / 2)
const wanted = values.only.split(';')
const parts = wanted.filter((part) => part !== 'start')
const variants = parts.length === 0 ? [] : chooseVariants(parts)
/** The compiler needs so many requests until it has finished. */
const WARM_UP_REQUESTS = Math.min(8_000, 6 * count)

const folder = mkdtempSync(join(tmpdir(), 'countermark-bench-'))
const servers: StartedServer[] = []
const results = new Map<string, Measured[]>(variants.map(({ name }) => [name, []]))
const loads: number[] = [loadavg()[0] ?? Number.NaN]
try {
  const start: StartCosts = wanted.includes('start') ? await measureStart(node) : new Map()
  const identity = createIdentity()
  writeFileSync(join(folder, 'identity.json'), JSON.stringify(identity))
  console.log(
    `Node ${node.version}, ${variants.length} of ${VARIANTS.length} servers, ${rounds} interleaved rounds of ${count} requests, server and load on core 0`,
  )
  const script = await bundle('server')
  for (const { name } of variants) servers.push(await startServer({ node, script, name, folder }))
  for (const [index, variant] of variants.entries()) await warmUp(variant, servers[index] as StartedServer, identity)
  for (let round = 1; round <= rounds; round++) {
    // Signed once a round for all servers: each has a memory of its own.
    const signed = new Map<RequestKind, readonly string[]>()
    for (const [index, variant] of variants.entries()) {
      const requests = signed.get(variant.requests) ?? createSlot(variant, identity)
      signed.set(variant.requests, requests)
      const server = servers[index] as StartedServer
      // Not counted: a server that waited for its turn has lost warm memory.
      await measureOne(variant, server, requests.slice(0, half + IN_FLIGHT), half)
      const measured = await measureOne(variant, server, requests.slice(-count - IN_FLIGHT), count)
      results.get(variant.name)?.push(measured)
      show(`${round}/${rounds}`, variant, measured)
    }
    loads.push(loadavg()[0] ?? Number.NaN)
  }
  process.stdout.write('\n')
  writeReport({ variants, results, start, rounds, count, loads, nodeVersion: node.version, write: values.write })
} finally {
  for (const server of servers) server.stop()
  rmSync(folder, { recursive: true })
}

async function warmUp(variant: Variant, server: StartedServer, identity: BenchIdentity): Promise<void> {
  for (let answered = 0; answered < WARM_UP_REQUESTS; answered += count) {
    show('warm-up', variant, await measureOne(variant, server, createSlot(variant, identity), count))
  }
}

function createSlot({ requests }: Variant, identity: BenchIdentity): readonly string[] {
  return createRequests(requests, REPEATABLE.has(requests) ? 64 : half + count + 2 * IN_FLIGHT, identity)
}

async function measureOne(
  { name, status }: Variant,
  { pid, port }: StartedServer,
  requests: readonly string[],
  answers: number,
): Promise<Measured> {
  const measured = await measure({ pid, port, requests, status, count: answers, folder })
  if (measured.unexpected === 0 && measured.requests > 0) return measured
  throw new Error(`${name}: ${measured.unexpected} of ${measured.requests} answers were not ${status}`)
}

function show(which: string, { name }: Variant, { cpuMicros }: Measured): void {
  process.stdout.write(`\r${which} ${name} ${cpuMicros.toFixed(0)} µs${' '.repeat(30)}`)
}
