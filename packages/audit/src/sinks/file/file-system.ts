import { fstatSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { Misconfigured } from '@countermark/core'

const MOST_LINKS = 32

/**
 * Where a file lies, or will lie, behind symbolic links: full files and the lock belong beside it. A device or a pipe has nothing
 * beside it and keeps its name.
 * @throws what the system throws when the folder is not there
 */
export async function realPathOf(path: string): Promise<string> {
  let at = resolve(path)
  for (let links = 0; links < MOST_LINKS; links++) {
    at = join(await realpath(dirname(at)), basename(at))
    const found = await lstat(at).catch(() => undefined)
    if (found === undefined || !found.isSymbolicLink()) break
    at = resolve(dirname(at), await readlink(at))
  }
  const target = await stat(at).catch(() => undefined)
  return target === undefined || target.isFile() ? at : resolve(path)
}

/**
 * The file at a path now; `undefined` when none can be seen. A thread of its own waits for the disk, which costs a tenth;
 * the main thread must not, should the disk hang.
 */
export function lookAt(path: string): Promise<Stats | undefined> | Stats | undefined {
  if (isMainThread) return stat(path).catch(() => undefined)
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // The folder may not be read, or is gone: nothing can be seen.
    return undefined
  }
}

/** How many names an open file has; none when it was removed. */
export async function countNames(handle: FileHandle): Promise<number> {
  return isMainThread ? (await handle.stat()).nlink : fstatSync(handle.fd).nlink
}

/** `audit.ndjson` becomes `audit.20261127T201025123Z-1f3a.ndjson`: names sort by time, and before the one being written. */
export function finishedPath(path: string, at: string, inode: number): string {
  const { dir, name, ext } = parse(path)
  return `${dir === '' ? '.' : dir}/${name}.${stampOf(at)}-${inode.toString(16)}${ext}`
}

/** A time as file names have it. */
export function stampOf(at: string): string {
  return at.replace(/[-:.]/g, '')
}

/** A new name is durable only once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } catch {
    // Some file systems cannot; the file itself is durable all the same.
  } finally {
    await folder.close()
  }
}

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

/** The same error with what the operator can do, where there is something. `option` is where the path was given. */
export function explainTrouble(error: unknown, path: string, option = 'fileSink.path'): unknown {
  const fix = FIXES[codeOf(error) ?? '']
  return fix === undefined ? error : new Misconfigured('ERR_OPTION_INVALID', `${option}: ${fix(path)}`)
}

/** Tells each trouble once, and when it is over: what asks again and again fails again and again. */
export class TroubleTeller {
  private readonly what: string
  private readonly tell: TellOperator
  private trouble: string | undefined

  /** `what` begins the sentence, such as `/var/log/audit.ndjson`. */
  constructor(what: string, tell: TellOperator) {
    this.what = what
    this.tell = tell
  }

  failed(error: unknown): void {
    const message = messageOf(error)
    if (message !== this.trouble) this.tell(`${this.what} cannot be written: ${message}`)
    this.trouble = message
  }

  succeeded(): void {
    if (this.trouble !== undefined) this.tell(`${this.what} is written again`)
    this.trouble = undefined
  }
}

/** The code that the system gave an error, whichever realm it comes from. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}
