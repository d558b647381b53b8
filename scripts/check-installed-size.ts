import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'
import type { Tally } from './tally.ts'

const MEBIBYTE = 1_048_576
/** What `npm install countermark` may take on a disk, everything beneath it included: behaviour with its service takes 0.4 of it, commands 0.2, pages 0.3. */
const MOST_BYTES = 4.75 * MEBIBYTE

/** Installs the umbrella and nothing else, and weighs what npm made of it. */
export async function checkInstalledSize(
  tarballs: ReadonlyMap<string, string>,
  target: string,
  tally: Tally,
): Promise<void> {
  const folder = join(target, 'smallest')
  mkdirSync(folder)
  const { countermark, ...overrides } = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: { countermark }, overrides }),
  )
  const install = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock']
  const installed = await runCommand('npm', install, { folder })
  if (!tally.add('countermark alone installs', installed)) return
  const bytes = bytesBelow(join(folder, 'node_modules'))
  const output = `${(bytes / MEBIBYTE).toFixed(2)} MiB; at most ${MOST_BYTES / MEBIBYTE}`
  tally.add(`countermark alone takes ${output}`, { ok: bytes <= MOST_BYTES, output, seconds: 0 })
}

function bytesBelow(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
