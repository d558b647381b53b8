import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql, type Transaction } from 'kysely'
import { Pool, type PoolConfig, types } from 'pg'
import { storageFault } from './storage-fault.ts'
import type { Store, StoredTables } from './store.ts'

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /** Such as `postgres://authority@db.internal/authority`. */
  readonly url: string
  /** Connections at most. @default 10 */
  readonly connections?: number
  /** How long a connection, a lock and a statement may take. Milliseconds. @default 5000 */
  readonly deadlineMs?: number
}

const INT8 = 20

/** Keeps everything in PostgreSQL, for several processes and machines. Connects when it is first asked. */
export function postgresStore({ url, connections = 10, deadlineMs = 5000 }: PostgresStoreOptions): Store {
  const connect = (more: PoolConfig): Kysely<unknown> => kyselyOf({ ...limits, ...more })
  const limits: PoolConfig = {
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: deadlineMs,
    statement_timeout: deadlineMs,
    lock_timeout: deadlineMs,
    // A process that hangs inside of a transaction keeps its locks no longer than this.
    idle_in_transaction_session_timeout: 2 * deadlineMs,
    // Integers of 64 bits are times and sequence numbers: numbers, as in SQLite.
    types: { getTypeParser: (id, format) => (Number(id) === INT8 ? Number : types.getTypeParser(id, format)) },
  }
  const reads = connect({ options: '-c default_transaction_read_only=on' })
  const writes = connect({})
  const stored: StoredTables<unknown> = {
    reads,
    transaction: (lock, work) =>
      storageFault(
        writes.transaction().execute(async (tables) => {
          await takeLock(tables, lock)
          return work(tables)
        }),
      ),
  }
  return {
    engine: 'postgres',
    tables: <Tables>() => stored as unknown as StoredTables<Tables>,
    close: async () => {
      await Promise.all([reads.destroy(), writes.destroy()])
    },
  }
}

function kyselyOf(config: PoolConfig): Kysely<unknown> {
  const pool = new Pool(config)
  // A connection that idles and ends is replaced by the next query.
  pool.on('error', () => undefined)
  // The pool stops listening to a connection while it is in use.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool: tellFaults(pool) }) })
}

/** Whatever is asked, a server that cannot be asked is told by the same refusal. Nothing is read by cursors. */
function tellFaults(pool: Pool): PostgresPool {
  return {
    connect: async () => {
      const client = await storageFault(pool.connect())
      const query = (text: string, values: unknown[]): Promise<unknown> => storageFault(client.query(text, values))
      return { query: query as PostgresPoolClient['query'], release: () => client.release() }
    },
    end: () => pool.end(),
  }
}

async function takeLock(tables: Transaction<unknown>, lock: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`countermark:${lock}`}, 0))`.execute(tables)
}
