import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The program that runs what is measured. */
export interface NodeBinary {
  readonly path: string
  readonly version: string
}

/**
 * Finds another major version of Node that npm has installed beside the project, or the running one.
 * @throws RangeError that tells how to install it
 */
export function findNode(major: string | undefined): NodeBinary {
  if (major === undefined) return { path: process.execPath, version: process.version }
  const path = join(import.meta.dirname, '..', 'node_modules', `node-${major}`, 'bin', 'node')
  if (!existsSync(path)) throw new RangeError(`there is no Node ${major}: ${installCommand(major)}`)
  return { path, version: execFileSync(path, ['--version']).toString().trim() }
}

/** One alias for each version: npm keeps several beside one another, and neither package.json nor lockfile learns of them. */
function installCommand(major: string): string {
  return `npm install --no-save node-${major}@npm:node-${process.platform}-${process.arch}@${major}`
}
