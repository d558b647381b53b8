import { Misconfigured } from '@countermark/core'
import { type ColumnType, type Insertable, type Kysely, type Migration, Migrator, type Selectable, sql } from 'kysely'
import type { AuditRecord } from '../record/audit-record.ts'
import type { SealedRecord } from '../record/chain.ts'
import type { FoundTrail } from '../sinks/sink.ts'

/** One record, or what pruning left of it. Everything but `line` is there to be searched. */
export interface AuditRow {
  readonly chain: string
  /** A 64-bit integer comes as text from PostgreSQL. */
  readonly seq: ColumnType<number | string, number, never>
  readonly hash: string
  readonly type: string
  readonly at: string
  readonly request_id: string | null
  readonly agent: string | null
  /** For whom: an erasable value. */
  readonly subject: string | null
  readonly data_class: string | null
  readonly line: string
}

/** What this package keeps in a database. */
export interface AuditTables {
  readonly countermark_audit: AuditRow
}

/**
 * Takes a Kysely of SQLite or PostgreSQL, and refuses anything else.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function requireDatabase(owner: string, db: unknown): Kysely<AuditTables> {
  if (isKysely(db)) return db
  const fix = 'pass a Kysely of SQLite or PostgreSQL'
  if (db === undefined) throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs db; ${fix}`)
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} cannot use this db; ${fix}`)
}

/** MySQL and SQL Server have no RETURNING. Two copies of kysely may be loaded, so its class decides nothing. */
function isKysely(db: unknown): db is Kysely<AuditTables> {
  if (typeof db !== 'object' || db === null || !('getExecutor' in db) || !('transaction' in db)) return false
  return typeof db.getExecutor === 'function' && db.getExecutor().adapter?.supportsReturning === true
}

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001_records': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('countermark_audit')
        .addColumn('chain', 'text', (column) => column.notNull())
        .addColumn('seq', 'bigint', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('request_id', 'text')
        .addColumn('agent', 'text')
        .addColumn('subject', 'text')
        .addColumn('data_class', 'text')
        .addColumn('line', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('countermark_audit_key', ['chain', 'seq'])
        .execute()
      for (const column of ['at', 'request_id', 'agent', 'subject']) {
        const index = db.schema.createIndex(`countermark_audit_${column}`).on('countermark_audit')
        await index.columns(column === 'at' ? ['at'] : [column, 'at']).execute()
      }
      await (isPostgres(db) ? guardPostgres(db) : guardSqlite(db))
    },
  },
}

/** Creates what is missing, once, also when several processes start together. */
export async function migrateAuditTables(db: Kysely<AuditTables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: 'countermark_audit_migration',
    migrationLockTableName: 'countermark_audit_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Both databases that are taken can return what they wrote; only PostgreSQL changes tables inside a transaction. */
function isPostgres(db: Kysely<unknown>): boolean {
  return db.getExecutor().adapter.supportsTransactionalDdl
}

/** A record stays where it is: erasure may change its line, never its place and hash, and nothing is deleted. */
async function guardSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TRIGGER countermark_audit_no_delete BEFORE DELETE ON countermark_audit
    BEGIN SELECT RAISE(ABORT, 'audit records are not deleted'); END`.execute(db)
  await sql`CREATE TRIGGER countermark_audit_no_move BEFORE UPDATE OF chain, seq, hash ON countermark_audit
    BEGIN SELECT RAISE(ABORT, 'audit records keep their place'); END`.execute(db)
}

async function guardPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE FUNCTION countermark_audit_refuse() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RAISE EXCEPTION ''audit records keep their place''; END'`.execute(db)
  await sql`CREATE TRIGGER countermark_audit_no_delete BEFORE DELETE OR TRUNCATE ON countermark_audit
    FOR EACH STATEMENT EXECUTE FUNCTION countermark_audit_refuse()`.execute(db)
  await sql`CREATE TRIGGER countermark_audit_no_move BEFORE UPDATE OF chain, seq, hash ON countermark_audit
    FOR EACH STATEMENT EXECUTE FUNCTION countermark_audit_refuse()`.execute(db)
}

/** A record as a row. */
export function toAuditRow({ chain, seq, hash, record, private: erasable, line }: SealedRecord): Insertable<AuditRow> {
  const { type, at } = record
  return {
    ...{ chain, seq, hash, type, at, line },
    request_id: column(record.type === 'event' ? undefined : record.requestId),
    agent: column(agentOf(record)),
    subject: column(erasable['user']?.value),
    data_class: column(record.type === 'decision' ? record.resource.dataClass : undefined),
  }
}

function agentOf(record: AuditRecord): string | undefined {
  return record.type === 'decision' ? record.agent?.id : undefined
}

/** PostgreSQL has no NUL in text. The line has it, escaped. */
function column(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll('\u0000', '\ufffd')
}

const PAGE = 1000

/** The lines of a chain, in order. */
export async function* readSqlChain(db: Kysely<AuditTables>, chain: string): AsyncIterable<string> {
  let after = 0
  while (true) {
    const page = await readSqlPage(db, { chain, after, limit: PAGE })
    for (const { seq, line } of page) {
      after = Number(seq)
      yield line
    }
    if (page.length < PAGE) return
  }
}

/** Part of a chain: so many records behind a place. */
export interface SqlPage {
  readonly chain: string
  readonly after: number
  readonly limit: number
}

/** The next records of a chain, in order. */
export function readSqlPage(
  db: Kysely<AuditTables>,
  { chain, after, limit }: SqlPage,
): Promise<readonly Pick<Selectable<AuditRow>, 'seq' | 'line'>[]> {
  const rows = db.selectFrom('countermark_audit').select(['seq', 'line']).where('chain', '=', chain)
  return rows.where('seq', '>', after).orderBy('seq').limit(limit).execute()
}

/** Names of the chains that are kept. */
export async function listSqlChains(db: Kysely<AuditTables>): Promise<readonly string[]> {
  const rows = await db.selectFrom('countermark_audit').select('chain').distinct().orderBy('chain').execute()
  return rows.map(({ chain }) => chain)
}

/** Where the chain ended that began last: names begin with the time. */
export async function findSqlEnd(db: Kysely<AuditTables>): Promise<FoundTrail> {
  const rows = db.selectFrom('countermark_audit').select(['chain', 'seq', 'hash'])
  const last = await rows.orderBy('chain', 'desc').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  return last === undefined ? {} : { end: { ...last, seq: Number(last.seq) } }
}
