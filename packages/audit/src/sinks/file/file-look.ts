import { fstatSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, stat } from 'node:fs/promises'
import { isMainThread } from 'node:worker_threads'

/**
 * What stands at a path now; `undefined` when nothing can be seen there. A thread of its own waits for the disk, which costs a tenth;
 * the main thread has other things to do, should the disk hang.
 */
export function lookAt(path: string): Promise<Stats | undefined> | Stats | undefined {
  if (isMainThread) return stat(path).catch(() => undefined)
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // The folder may not be read, or is none any more: nothing can be seen.
    return undefined
  }
}

/** Under how many names an open file stands; none when it was removed. */
export async function countNames(handle: FileHandle): Promise<number> {
  return isMainThread ? (await handle.stat()).nlink : fstatSync(handle.fd).nlink
}
