import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkConsumers } from './check-consumers.ts'
import { checkInstalledSize } from './check-installed-size.ts'
import { checkTarballs } from './check-tarballs.ts'
import { createTally } from './tally.ts'
import { readWorkspacePackages } from './workspace-packages.ts'

// Packs every package as it would be published, and uses the tarballs in projects that know nothing of this repository.
const root = resolve(import.meta.dirname, '..')
const target = mkdtempSync(join(tmpdir(), 'countermark-packages-'))
const tally = createTally()
try {
  const tarballs = await checkTarballs(root, readWorkspacePackages(root), target, tally)
  await checkInstalledSize(tarballs, target, tally)
  await checkConsumers(root, tarballs, target, tally)
} finally {
  rmSync(target, { recursive: true, force: true })
}
tally.close('packages')
