import { open } from 'node:fs/promises'
import { dirname, parse } from 'node:path'

/** `audit.ndjson` becomes `audit.20261127T201025123Z-1f3a.ndjson`: names sort by time, and before the one being written. */
export function finishedPath(path: string, at: string, inode: number): string {
  const { dir, name, ext } = parse(path)
  return `${dir === '' ? '.' : dir}/${name}.${stampOf(at)}-${inode.toString(16)}${ext}`
}

/** A time as it stands in a name. */
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
