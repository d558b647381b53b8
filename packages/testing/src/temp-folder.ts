import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder to be removed with everything in it. */
export interface TempFolder {
  readonly path: string
  readonly remove: () => Promise<void>
}

/** Creates an empty folder among the system's temporary files. */
export async function createTempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'countermark-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
