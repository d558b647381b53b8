import { type ColumnType, type Kysely, type Migration, Migrator, sql } from 'kysely'

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
export function isPostgres(db: Kysely<unknown>): boolean {
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
