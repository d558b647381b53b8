import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runCommand } from './run-command.ts'
import { createTally } from './tally.ts'

// Every example checks itself: it asserts what it shows and ends. The demo has a command of its own.
const root = resolve(import.meta.dirname, '..')
const tally = createTally()
for (const name of readdirSync(join(root, 'examples')).filter((entry) => entry !== 'demo')) {
  const folder = join(root, 'examples', name)
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const script = ['check', 'start'].find((candidate) => candidate in scripts)
  if (script === undefined)
    tally.add(`examples/${name}`, { ok: false, output: 'has no script check or start', seconds: 0 })
  else tally.add(`examples/${name}`, await runCommand('npm', ['run', '--silent', script], { folder }))
}
tally.close('examples')
