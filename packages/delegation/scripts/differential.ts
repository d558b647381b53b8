import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { compareVerifiers } from '../test/compare-verifiers.ts'

// Changed tokens and DPoP proofs, each given to our strict check and to jose. Ends with 1 when they differ on one.
const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } })
const cases = Number(values.cases ?? 100_000)
const seed = Number(values.seed ?? Date.now() % 2 ** 32)
const started = performance.now()
const { accepted, speltAnew, differences } = await compareVerifiers(seed, cases)
for (const difference of differences.slice(0, 20)) process.stdout.write(`DIFFERS ${difference}\n`)
process.stdout.write(`seed ${seed}, node ${process.version}, OpenSSL ${process.versions.openssl}
${cpus()[0]?.model} × ${availableParallelism()}
${cases} cases in ${Math.round((performance.now() - started) / 1000)} s: ${accepted} hold, ${speltAnew} are spelt anew, ${differences.length} differ
`)
process.exitCode = differences.length === 0 ? 0 : 1
