import { fstatSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'

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
