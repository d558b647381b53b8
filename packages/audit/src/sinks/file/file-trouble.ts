import { dirname } from 'node:path'
import { Misconfigured } from '@countermark/core'

/** Tells the operator, in a line on standard error, what cannot be told in the trail. */
export type TellOperator = (message: string) => void

/** Writes the line. Not a process warning: those can be switched off, and come too late while a process ends. */
export const tellOperator: TellOperator = (message) => {
  process.stderr.write(`countermark audit: ${message}\n`)
}

/** What makes a file that cannot be opened writable, by the code of the system. */
const FIXES: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) =>
    `the folder ${dirname(path)} is not there: create it (mkdir -p) or mount it before the start, and let the process write there`,
  ENOTDIR: (path) => `${dirname(path)} is no folder: give the path of a file in a folder`,
  EISDIR: (path) => `${path} is a folder: give the path of a file in it`,
  EACCES: (path) => `this user may not write ${path}: let it write the file and its folder ${dirname(path)}`,
  EPERM: (path) => `this user may not write ${path}: let it write the file and its folder ${dirname(path)}`,
  EROFS: (path) => `${path} lies on a file system that is read-only: mount it for writing, or give another path`,
  ELOOP: (path) => `${path} is a symbolic link that leads nowhere: let it lead to a file`,
}

/** The same error with what the operator can do, where there is something. */
export function explainTrouble(error: unknown, path: string): unknown {
  const fix = FIXES[codeOf(error) ?? '']
  return fix === undefined ? error : new Misconfigured('ERR_OPTION_INVALID', `fileSink.path: ${fix(path)}`)
}

/** The code that the system gave an error, whichever realm it comes from. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}
