import { createTempFolder, requirePostgres, startPostgres } from '@countermark/testing'
import { openStore, type Store } from '../src/index.ts'

/** A place for stores of one test file. */
export interface StorePlace {
  /** For a store of another process. */
  readonly address: string
  readonly open: () => Store
  readonly remove: () => Promise<void>
}

/** Runs a suite on both engines; where PostgreSQL is not installed, on SQLite alone, and says so. */
export function describeStores(suite: (createPlace: () => Promise<StorePlace>) => void): void {
  describe('on SQLite', () => suite(sqlitePlace))
  const programs = requirePostgres()
  if (programs !== undefined) describe('on PostgreSQL', () => suite(() => postgresPlace(programs)))
}

/** A file in a folder of its own. */
export async function sqlitePlace(): Promise<StorePlace> {
  const folder = await createTempFolder()
  const address = `file:${folder.path}/authority.db`
  return { address, open: () => openStore(address), remove: folder.remove }
}

async function postgresPlace(programs: string): Promise<StorePlace> {
  const server = await startPostgres(programs)
  return { address: server.url, open: () => openStore(server.url), remove: server.stop }
}
