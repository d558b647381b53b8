// What a guard costs beside its cryptography, without sockets, in about a minute: `npm run bench:loop`, or after a build
// `node --import tsx benchmarks/loop.ts full refused`. Called again and again alone, a guard looks cheap: all of its code and
// data stay in the processor's caches. In a server, a verification and other work come before each call. With `--profile`
// node writes a profile of one kind into the current folder.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.ts'
import { toTable } from './markdown-table.ts'
import { findNode } from './node-binary.ts'

const KINDS = ['signature', 'full', 'full-body', 'refused', 'dpop', 'bearer', 'cold']

interface Times {
  readonly callMicros: number | null
  readonly cpuMicros: number
}

const { values, positionals } = parseArgs({
  options: { node: { type: 'string' }, profile: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const node = findNode(values.node)
const script = await bundle('loop-of-kind')
const kinds = positionals.length === 0 ? KINDS : positionals
const rows = kinds.map((kind) => {
  const { alone, verified, walked } = run(values.profile ? ['--cpu-prof'] : [], kind, 'time')
  // Room for a whole batch without a collection: what is on the heap afterwards is what was allocated.
  const { bytes } = run(['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'], kind, 'heap')
  return [kind, ...[alone, verified, walked].flatMap(cells), (Number(bytes) / 1000).toFixed(1)]
})
const pairs = ['alone', 'after a verification', 'after that and 1 MB of memory'].flatMap((name) => [name, 'CPU'])
console.log(`Node ${node.version}, µs a call: median of calls that answer at once, and CPU of all calls and threads\n`)
console.log(toTable(['kind', ...pairs, 'KB allocated'], rows))

function run(flags: readonly string[], kind: string, what: 'time' | 'heap'): Readonly<Record<string, Times | number>> {
  const { status, stdout, stderr } = spawnSync(node.path, [...flags, script, kind, what], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${kind} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

function cells(times: Times | number | undefined): readonly string[] {
  if (typeof times !== 'object') return ['', '']
  return [times.callMicros?.toFixed(1) ?? '', times.cpuMicros.toFixed(1)]
}
