import { systemClock } from '@countermark/core/internal'
import { type Driver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import Database from 'libsql'
import { createGroupCommit } from './group-commit.ts'
import { createSqliteReader, createSqliteWriter, type SqliteConnection, sqliteTransactions } from './sqlite-driver.ts'
import { storageFault } from './storage-fault.ts'
import type { Committing, Store, StoredTables } from './store.ts'
import { createWriterQueue } from './writer-queue.ts'

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /** The file; made when it is not there, in a folder that is. */
  readonly path: string
  /** How long a transaction waits for others before it is refused. Milliseconds. @default 5000 */
  readonly deadlineMs?: number
}

/**
 * Keeps everything in one SQLite file: write-ahead log, `synchronous = FULL`, one writer. Other processes may open it too.
 * It is opened when it is first used.
 */
export function sqliteStore({ path, deadlineMs = 5000 }: SqliteStoreOptions): Store {
  const { monotonicMs } = systemClock
  const writing = lazyConnection(path, ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON'])
  const reading = lazyConnection(path, ['query_only = ON'])
  const queue = createWriterQueue(deadlineMs)
  const group = createGroupCommit(queue, sqliteTransactions({ connection: writing, deadlineMs, monotonicMs }))
  const writer = (committing: Committing): Kysely<unknown> =>
    kyselyOf(createSqliteWriter({ connection: writing, queue, group, committing }))
  const writes = { alone: writer('alone'), together: writer('together') }
  const reads = kyselyOf(createSqliteReader(reading))
  const stored: StoredTables<unknown> = {
    reads,
    transaction: (_lock, work, committing = 'alone') => storageFault(writes[committing].transaction().execute(work)),
  }
  return {
    engine: 'sqlite',
    tables: <Tables>() => stored as unknown as StoredTables<Tables>,
    close: async () => {
      await Promise.all([writes.alone.destroy(), writes.together.destroy(), reads.destroy()])
    },
  }
}

function kyselyOf(driver: Driver): Kysely<unknown> {
  return new Kysely<unknown>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}

function lazyConnection(path: string, pragmas: readonly string[]): SqliteConnection {
  let open: Database.Database | undefined
  return {
    database: () => {
      if (open !== undefined) return open
      open = openFile(path, pragmas)
      return open
    },
    discard: () => {
      open?.close()
      open = undefined
    },
  }
}

function openFile(path: string, pragmas: readonly string[]): Database.Database {
  const database = new Database(path)
  try {
    for (const pragma of pragmas) database.pragma(pragma)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
