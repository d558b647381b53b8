import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Path of a program; `undefined` when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * Path of a program that a test needs. When it is missing, a developer's machine is told so and gets `undefined`;
 * a build server (`CI` is set) fails, because there nothing may be passed over in silence.
 * @throws Error when the program is missing and `CI` is set
 */
export function requireProgram(name: string): string | undefined {
  const path = findProgram(name)
  if (path !== undefined) return path
  if (process.env['CI']) throw new Error(`${name} is not installed, and CI passes nothing over`)
  process.stderr.write(`passed over: ${name} is not installed\n`)
  return undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // whatever the reason, it cannot be run
  }
}
