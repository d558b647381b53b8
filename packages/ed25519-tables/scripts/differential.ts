import { createHash, randomBytes } from 'node:crypto'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { WASM_BASE64 } from '../src/wasm-binary.ts'
import { compareVerifiers, type DifferentialResult } from '../test/differential.ts'

// Random and mutated signatures, each given to the tables and to node:crypto. Ends with 1 at the first part that differs.
const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } })
const total = Number(values.cases ?? 1e7)
const seed = values.seed ?? randomBytes(8).toString('hex')
/** A part has keys of its own. */
const PART = 100_000

const sum = { cases: 0, accepted: 0, judgedByTables: 0, differences: 0 }
const kinds: Record<string, number> = {}

function add({ cases, accepted, judgedByTables, byKind, differences }: DifferentialResult): void {
  sum.cases += cases
  sum.accepted += accepted
  sum.judgedByTables += judgedByTables
  sum.differences += differences.length
  for (const [kind, count] of Object.entries(byKind)) kinds[kind] = (kinds[kind] ?? 0) + count
  for (const { kind, key, data, signature } of differences) {
    const [point, message, bytes] = [key.rawPublicKey ?? [], data, signature].map((part) =>
      Buffer.from(part).toString('hex'),
    )
    process.stdout.write(`DIFFERS ${kind}: key ${point} message ${message} signature ${bytes}\n`)
  }
}

const started = performance.now()
for (let part = 0; part * PART < total && sum.differences === 0; part++) {
  add(compareVerifiers({ seed: `${seed} ${part}`, cases: Math.min(PART, total - part * PART) }))
  if (part % 10 === 9) process.stderr.write(`${sum.cases} cases, ${sum.differences} differences\n`)
}

const wasm = createHash('sha256').update(Buffer.from(WASM_BASE64, 'base64')).digest('hex')
process.stdout.write(`seed ${seed}, wasm SHA-256 ${wasm}
node ${process.version}, OpenSSL ${process.versions.openssl}, ${cpus()[0]?.model} × ${availableParallelism()}
${sum.cases} cases in ${Math.round((performance.now() - started) / 1000)} s: ${sum.accepted} hold, ${sum.judgedByTables} judged by tables, ${sum.differences} differ
`)
for (const [kind, count] of Object.entries(kinds).sort()) process.stdout.write(`${String(count).padStart(9)} ${kind}\n`)
process.exitCode = sum.differences === 0 ? 0 : 1
