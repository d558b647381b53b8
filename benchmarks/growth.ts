// What a request costs when a guard knows many agents, nonces or tokens: `npm run bench:growth`. A million of each takes a
// quarter of an hour, most of it to make them; `-- --most 100000` two minutes. `--write` keeps the table under docs/figures.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.ts'
import { toTable } from './markdown-table.ts'
import { findNode } from './node-binary.ts'
import { describeMachine, keepFigures } from './report.ts'

const KINDS = ['agents', 'nonces', 'tokens']
const SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]
/** Cost of a request with the most of something against that with the fewest. */
const AIM = 1.5
const MOONSHOT = 1.2

const HOW_TO_READ = `Median of calls without sockets, each behind another verification, requests spread over 4,000 of all. A request is its guard and
its verification; tokens are remembered and verified no more. Bytes are those of the heap and outside it. Aim: with a million at most ${AIM} times
as much as with a hundred, better ${MOONSHOT}. \`npm run bench:growth -- --write\``

interface Growth {
  readonly guardMicros: number
  readonly requestMicros: number
  readonly bytesEach: number
}

const { values } = parseArgs({
  options: {
    /** @default agents;nonces;tokens */
    only: { type: 'string', default: KINDS.join(';') },
    most: { type: 'string', default: '1000000' },
    node: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const node = findNode(values.node)
const script = await bundle('growth-of')
const sizes = SIZES.filter((size) => size <= Number(values.most))
const rows: string[][] = []
for (const kind of values.only.split(';')) {
  const first = measure(kind, sizes[0] ?? 100)
  for (const size of sizes) {
    const grown = size === sizes[0] ? first : measure(kind, size)
    rows.push(cells(kind, size, grown, first))
    console.log(rows.at(-1)?.join('  '))
  }
}
const table = toTable(
  ['', 'known', 'request µs', '× the fewest', '', 'guard alone µs', '× the fewest', 'bytes each'],
  rows,
)
console.log(`\n${table}`)
if (values.write) keepFigures('growth', '# Growth', [describeMachine(node.version), HOW_TO_READ, table], node.version)

function measure(kind: string, size: number): Growth {
  const flags = ['--expose-gc', '--max-old-space-size=16000']
  const { status, stdout, stderr } = spawnSync(node.path, [...flags, script, kind, String(size)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${size} ${kind} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

function cells(kind: string, size: number, grown: Growth, first: Growth): string[] {
  const times = grown.requestMicros / first.requestMicros
  const verdict = times <= MOONSHOT ? `met, ≤ ${MOONSHOT}` : times <= AIM ? `met, ≤ ${AIM}` : '**missed**'
  return [
    kind,
    size.toLocaleString('en'),
    grown.requestMicros.toFixed(1),
    times.toFixed(2),
    size === 1_000_000 ? verdict : '',
    grown.guardMicros.toFixed(1),
    (grown.guardMicros / first.guardMicros).toFixed(2),
    // Of few, what else a process allocates is more.
    size < 10_000 ? '' : grown.bytesEach.toFixed(0),
  ]
}
