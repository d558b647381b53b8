import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createAimsTable } from './aims-table.ts'
import { type Figures, figuresOf, type Results } from './figures.ts'
import { toTable } from './markdown-table.ts'
import type { StartCosts } from './start-costs.ts'
import type { Variant } from './variants.ts'

/** What one run measured. */
export interface RunResult {
  readonly variants: readonly Variant[]
  readonly results: Results
  readonly start: StartCosts
  readonly rounds: number
  /** Requests to each server in each round. */
  readonly count: number
  /** Of the whole machine, after each round. */
  readonly loads: readonly number[]
  /** Of the servers. */
  readonly nodeVersion: string
  readonly write: boolean
}

/** Prints aims and tables, and with `write` keeps them under docs/figures with date, commit and machine. */
export function writeReport(run: RunResult): void {
  const figures = new Map(run.variants.map((variant) => [variant.name, figuresOf(variant, run.results)]))
  const aims = createAimsTable(figures, run.start)
  const table = createTable(run.variants, figures)
  const start = toTable(
    ['start', 'CPU'],
    [...run.start].map(([about, value]) => [about, value.toFixed(1)]),
  )
  console.log(`\n${aims}\n\n${table}\n\n${start}`)
  if (!run.write) return
  const load = [Math.min(...run.loads), Math.max(...run.loads)].map((value) => value.toFixed(1)).join(' to ')
  const description = `${describeMachine(run.nodeVersion)}, load of the machine ${load} (1 is this run), ${run.rounds}
interleaved rounds of ${run.count} requests, medians, server and load on one core. \`npm run bench -- --write\``
  const parts = [description, HOW_TO_READ, '## Aims', aims, '## Everything', table, '## Starting', HOW_TO_START, start]
  keepFigures('cpu-per-request', '# CPU per guarded request', parts, run.nodeVersion)
}

/** Writes a page of docs/figures for today; versions of Node that are not the oldest supported one get pages of their own. */
export function keepFigures(name: string, title: string, parts: readonly string[], nodeVersion: string): void {
  const major = nodeVersion.slice(1).split('.')[0]
  const file = `${today()}-${name}${major === '20' ? '' : `-node-${major}`}.md`
  writeFileSync(join(import.meta.dirname, '..', 'docs', 'figures', file), `${[title, ...parts].join('\n\n')}\n`)
  console.log(`\nwritten to docs/figures/${file}`)
}

/** Date, commit, Node and processor, as every page of figures names them. */
export function describeMachine(nodeVersion: string): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()
  const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU'
  return `${today()}, commit ${commit}, Node ${nodeVersion}, ${cpus().length} × ${cpu}`
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

const HOW_TO_READ = `Unit: the CPU that one \`crypto.verify\` of a 345-byte message adds to a request in a server that does nothing else, another
message each time (\`node+raw-verify\`), in the same run. Of one fixed message, the unit of figures before 2026-11-30, a processor learns the
way and is a little faster: the aims show the value by that unit, too. Units are what a row adds to the bare server named before \`+\`, compared within each round;
between “half of the rounds” lie the middle ones. “Main” is the event loop's thread alone. “Own” is what a row adds to a bare server that gets the very
same requests and ignores what they carry: the rest of the units is what Node takes to read longer requests. \`node reading\` reads every body
to its end. \`createServer\` is that of \`@countermark/express\`; its rows are held against plain Express. Requests per second are those of a core that
server and load share, by the CPU time of both, against the bare framework with short requests.`

const HOW_TO_START = `CPU of a process beyond that of one that imports nothing, in ms; of keys in µs for each, and in s for a start. What is imported has been built. The
whole suite is \`countermark/express\` with keys, metrics and audit, without the framework. \`npm run bench:start\``

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
