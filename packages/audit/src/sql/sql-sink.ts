import { custom, number, optionTable, withDeadline } from '@countermark/core/internal'
import type { Kysely, Transaction } from 'kysely'
import type { SealedRecord } from '../record/chain.ts'
import { type ClosableSink, createSerialSink } from '../sinks/sink.ts'
import {
  type AuditTables,
  findSqlEnd,
  listSqlChains,
  migrateAuditTables,
  readSqlChain,
  requireDatabase,
  toAuditRow,
} from './audit-table.ts'

/** Options of {@link sqlSink}. */
export interface SqlSinkOptions<Database> {
  /** kysely on SQLite (better-sqlite3, libsql) or PostgreSQL, opened and closed by you. */
  readonly db: Kysely<Database>
  /** How long one append may take at most. SQLite in this process cannot be interrupted. @default 5000 */
  readonly deadlineMs?: number
}

/** A sink that can be read again. */
export interface SqlSink extends ClosableSink<SealedRecord> {
  /** The lines of a chain in order, for the verifier; a thousand at a time are in memory. */
  readonly read: (chain: string) => AsyncIterable<string>
  /** Names of all chains. */
  readonly chains: () => Promise<readonly string[]>
}

const OPTIONS = optionTable('sqlSink', {
  db: custom((_, given, owner) => requireDatabase(owner, given)),
  deadlineMs: number({ min: 1, max: 60_000, default: 5000 }),
})
/** Stays below the number of parameters that a statement may have (SQLite 32,766, PostgreSQL 65,535). */
const ROWS_PER_STATEMENT = 500
/** The second process to start waits until the first one has made the table. */
const OPENING_DEADLINE_MS = 30_000

/**
 * Keeps records in a table of a SQLite file or of PostgreSQL; makes the table itself. A record stays where it is: the table
 * refuses deletion, and changes of place and hash.
 * @example
 * const db = new Kysely({ dialect: new SqliteDialect({ database: new Database('audit.db') }) })
 * auditTrail({ sinks: [sqlSink({ db })] })
 */
export function sqlSink<Database>(options: SqlSinkOptions<Database>): SqlSink {
  const { db, deadlineMs } = OPTIONS.read(options)
  let opening: Promise<void> | undefined
  const open = (): Promise<void> => {
    opening ??= migrateAuditTables(db).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const write = async (records: readonly SealedRecord[]): Promise<void> => {
    await open()
    await db.transaction().execute((transaction) => writeRecords(transaction, records))
  }
  return {
    ...createSerialSink({
      name: 'sql',
      durable: true,
      ready: async () => {
        await withDeadline(open(), OPENING_DEADLINE_MS)
        return findSqlEnd(db)
      },
      write: (records) => withDeadline(write(records), deadlineMs),
    }),
    read: (chain) => readSqlChain(db, chain),
    chains: () => listSqlChains(db),
  }
}

async function writeRecords(transaction: Transaction<AuditTables>, records: readonly SealedRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += ROWS_PER_STATEMENT) {
    const batch = records.slice(start, start + ROWS_PER_STATEMENT)
    const written = await transaction
      .insertInto('countermark_audit')
      .values(batch.map(toAuditRow))
      .onConflict((conflict) => conflict.columns(['chain', 'seq']).doNothing())
      .executeTakeFirst()
    if (Number(written.numInsertedOrUpdatedRows ?? 0) !== batch.length) await requireSame(transaction, batch)
  }
}

/** A record in this place must be the same one: two writers of one chain would each lose half. */
async function requireSame(transaction: Transaction<AuditTables>, batch: readonly SealedRecord[]): Promise<void> {
  for (const { chain, seq, hash } of batch) {
    const kept = await transaction
      .selectFrom('countermark_audit')
      .select('hash')
      .where('chain', '=', chain)
      .where('seq', '=', seq)
      .executeTakeFirst()
    if (kept?.hash !== hash) throw new Error('another record has this place in the chain')
  }
}
