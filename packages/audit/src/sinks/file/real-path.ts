import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

const MOST_LINKS = 32

/**
 * Where a file lies, or will lie, behind symbolic links: what is put beside it, full files and the lock, belongs there too. A
 * device or a pipe has nothing beside it and stays where it was named.
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
