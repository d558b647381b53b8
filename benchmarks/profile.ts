// One guarded request in a tight loop without sockets: `node --import tsx benchmarks/profile.ts full`, after `npm run build`.
// With `--cpu-prof` or `--heap-prof` behind the kind, node writes a profile. `--crypto` verifies; otherwise verification is
// left out, so that what remains is ours.
import { spawnSync } from 'node:child_process'
import { bundle } from './bundle.ts'

const [kind = 'full', ...flags] = process.argv.slice(2)
const script = await bundle('profile-loop')
const isCounted = flags.includes('--crypto') ? ['--crypto'] : []
const nodeFlags = flags.filter((flag) => flag !== '--crypto')
spawnSync(process.execPath, [...nodeFlags, script, kind, 'cpu', ...isCounted], { stdio: 'inherit' })
// Room for a whole batch without a collection: what is on the heap afterwards is what was allocated.
const roomy = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
if (nodeFlags.length === 0) spawnSync(process.execPath, [...roomy, script, kind, 'heap'], { stdio: 'inherit' })
