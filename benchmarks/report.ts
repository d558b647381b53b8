import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Measured } from './load.ts'
import type { Variant } from './variants.ts'

/** What one run measured. */
export interface RunResult {
  readonly variants: readonly Variant[]
  readonly results: ReadonlyMap<string, readonly Measured[]>
  readonly rounds: number
  readonly seconds: number
  readonly write: boolean
}

/** Prints the table, and with `write` keeps it under docs/figures with date, commit and machine. */
export function writeReport(run: RunResult): void {
  const table = createTable(run)
  console.log(`\n${table}`)
  if (!run.write) return
  const date = new Date().toISOString().slice(0, 10)
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()
  const cpu = cpus()[0]?.model ?? 'unknown CPU'
  const head = [
    '# CPU per guarded request',
    '',
    `${date}, commit ${commit}, Node ${process.version}, ${cpus().length} × ${cpu}, ${run.rounds} interleaved rounds of ${run.seconds} s, medians. \`npm run bench -- --write\``,
    '',
    'Unit: the CPU that one `crypto.verify` of a 345-byte message adds to a request in a server that does nothing else (`node+raw-verify`), in the same run. “Main” is the share of the event loop’s thread.',
    '',
  ]
  const file = join(import.meta.dirname, '..', 'docs', 'figures', `${date}-cpu-per-request.md`)
  writeFileSync(file, `${[...head, table].join('\n')}\n`)
  console.log(`\nwritten to docs/figures/${date}-cpu-per-request.md`)
}

function createTable({ variants, results }: RunResult): string {
  const cpu = new Map(
    variants.map(({ name }) => [name, median((results.get(name) ?? []).map(({ cpuMicros }) => cpuMicros))]),
  )
  const main = new Map(
    variants.map(({ name }) => [
      name,
      median((results.get(name) ?? []).map(({ mainThreadMicros }) => mainThreadMicros)),
    ]),
  )
  const rate = new Map(
    variants.map(({ name }) => [name, median((results.get(name) ?? []).map(({ perSecond }) => perSecond))]),
  )
  const unit = (cpu.get('node+raw-verify') ?? Number.NaN) - (cpu.get('node') ?? Number.NaN)
  const rows = variants.map(({ name, over }) => {
    const own = cpu.get(name) ?? Number.NaN
    if (over === undefined) return [name, own.toFixed(0), '', '', '', '']
    const added = own - (cpu.get(over) ?? Number.NaN)
    const addedMain = (main.get(name) ?? Number.NaN) - (main.get(over) ?? Number.NaN)
    const share = (rate.get(name) ?? Number.NaN) / (rate.get(over) ?? Number.NaN)
    return [
      name,
      own.toFixed(0),
      added.toFixed(0),
      (added / unit).toFixed(2),
      (addedMain / unit).toFixed(2),
      share.toFixed(2),
    ]
  })
  const header = [
    'server',
    'CPU µs per request',
    'added µs',
    'units',
    'units, main thread',
    'requests per second against bare',
  ]
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
