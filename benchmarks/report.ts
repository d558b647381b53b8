import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { AIMS, type Aim } from './aims.ts'
import { type Figures, figuresOf, type Results } from './figures.ts'
import type { Variant } from './variants.ts'

/** What one run measured. */
export interface RunResult {
  readonly variants: readonly Variant[]
  readonly results: Results
  readonly rounds: number
  /** Requests to each server in each round. */
  readonly count: number
  /** Of the whole machine, after each round. */
  readonly loads: readonly number[]
  readonly write: boolean
}

/** Prints aims and table, and with `write` keeps them under docs/figures with date, commit and machine. */
export function writeReport(run: RunResult): void {
  const figures = new Map(run.variants.map((variant) => [variant.name, figuresOf(variant, run.results)]))
  const aims = createAimsTable(figures)
  const table = createTable(run.variants, figures)
  console.log(`\n${aims}\n\n${table}`)
  if (!run.write) return
  const date = new Date().toISOString().slice(0, 10)
  const file = join(import.meta.dirname, '..', 'docs', 'figures', `${date}-cpu-per-request.md`)
  const text = [
    '# CPU per guarded request',
    describeRun(run, date),
    HOW_TO_READ,
    '## Aims',
    aims,
    '## Everything',
    table,
  ]
  writeFileSync(file, `${text.join('\n\n')}\n`)
  console.log(`\nwritten to docs/figures/${date}-cpu-per-request.md`)
}

const HOW_TO_READ = `Unit: the CPU that one \`crypto.verify\` of a 345-byte message adds to a request in a server that does nothing else
(\`node+raw-verify\`), in the same run. Units are what a row adds to the bare server of its framework, compared within each round;
between “half of the rounds” lie the middle ones. “Main” is the event loop's thread alone. “Own” is what a row adds to a bare server that gets the very
same requests and ignores what they carry: the rest of the units is what Node takes to read longer requests. Requests per second are those of a core that
server and load share, by the CPU time of both, against the bare framework with short requests.`

function describeRun({ rounds, count, loads }: RunResult, date: string): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()
  const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU'
  const load = [Math.min(...loads), Math.max(...loads)].map((value) => value.toFixed(1)).join(' to ')
  return `${date}, commit ${commit}, Node ${process.version}, ${cpus().length} × ${cpu}, load of the machine ${load} (1 is this run), ${rounds} interleaved
rounds of ${count} requests, medians, server and load on one core. \`npm run bench -- --write\``
}

function createAimsTable(figures: ReadonlyMap<string, Figures>): string {
  const rows = AIMS.flatMap((aim) => {
    const found = figures.get(aim.variant)
    return found === undefined ? [] : [aimRow(aim, found)]
  })
  return toTable(['aim', 'at', 'measured', ''], rows)
}

function aimRow({ about, measure, most, least }: Aim, figures: Figures): readonly string[] {
  const value = figures[measure]
  const isMet = most === undefined ? value >= (least ?? Number.NaN) : value <= most
  const bound = most === undefined ? `≥ ${least}` : `≤ ${most}`
  return [about, bound, value.toFixed(2), isMet ? 'met' : '**missed**']
}

function createTable(variants: readonly Variant[], figures: ReadonlyMap<string, Figures>): string {
  const header = ['server', 'CPU µs', 'added µs', 'units', 'half of the rounds', 'own', 'main', 'requests per second']
  const rows = variants.map(({ name, over }) => {
    const found = figures.get(name)
    return found === undefined ? [] : [name, found.cpuMicros.toFixed(1), ...(over === undefined ? [] : cells(found))]
  })
  return toTable(header, rows)
}

function cells({ addedMicros, units, unitsQuartiles, ownUnits, mainUnits, share }: Figures): readonly string[] {
  const spread = unitsQuartiles.map((value) => value.toFixed(2)).join(' to ')
  const own = Number.isNaN(ownUnits) ? '' : ownUnits.toFixed(2)
  return [addedMicros.toFixed(1), units.toFixed(2), spread, own, mainUnits.toFixed(2), share.toFixed(2)]
}

function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const padded = rows.map((row) => header.map((_, column) => row[column] ?? ''))
  return [header, header.map(() => '---'), ...padded].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
