import { resolve } from 'node:path'
import { readTokenSuites } from '../packages/delegation/test/conformance/suites.ts'
import { readTableSuites } from '../packages/ed25519-tables/test/conformance/table-vectors.ts'
import { readPolicySuites } from '../packages/policy/test/conformance/suites.ts'
import { type JudgedSuite, readSuites } from '../packages/signature/test/conformance/suites.ts'

// Runs the vectors that nobody here wrote and prints, for each file, how many give exactly the expected result.
const folder = resolve(import.meta.dirname, '../../shared/conformance')
const suites = [
  ...readSuites(folder),
  ...readTokenSuites(folder),
  ...readTableSuites(folder),
  ...readPolicySuites(folder),
]
if (suites.length === 0) process.stderr.write(`notice: nothing to do, the vectors are not in ${folder}\n`)

interface Counts {
  readonly passed: number
  readonly failed: readonly string[]
  readonly skipped: ReadonlyMap<string, number>
}

const all: Counts[] = []
for (const judged of suites) {
  const counts = await count(judged)
  print(judged.file, counts)
  for (const failure of counts.failed) process.stdout.write(`    FAIL ${failure}\n`)
  for (const [reason, times] of counts.skipped) process.stdout.write(`    ${times} skipped: ${reason}\n`)
  all.push(counts)
}
print('total', {
  passed: all.reduce((sum, { passed }) => sum + passed, 0),
  failed: all.flatMap(({ failed }) => failed),
  skipped: new Map([['all', all.reduce((sum, { skipped }) => sum + total(skipped), 0)]]),
})
process.exitCode = all.some(({ failed }) => failed.length > 0) ? 1 : 0

async function count({ suite, judge }: JudgedSuite): Promise<Counts> {
  let passed = 0
  const failed: string[] = []
  const skipped = new Map<string, number>()
  for (const vector of suite.cases) {
    const verdict = await judge(vector, suite)
    if (verdict === 'pass') passed++
    else if ('fail' in verdict) failed.push(`${vector.name}: ${verdict.fail}`)
    else skipped.set(verdict.skip, (skipped.get(verdict.skip) ?? 0) + 1)
  }
  return { passed, failed, skipped }
}

function print(name: string, { passed, failed, skipped }: Counts): void {
  const numbers = `${String(passed).padStart(5)} passed ${String(failed.length).padStart(3)} failed`
  process.stdout.write(`${name.padEnd(46)}${numbers} ${String(total(skipped)).padStart(3)} skipped\n`)
}

function total(skipped: ReadonlyMap<string, number>): number {
  return [...skipped.values()].reduce((sum, times) => sum + times, 0)
}
