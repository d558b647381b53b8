import { sql, type Transaction } from 'kysely'
import type { Migration, Store } from './store.ts'

interface MigrationTables {
  readonly authority_migrations: { readonly name: string; readonly applied_at: number }
}

const LOCK = 'migrations'

/**
 * Applies what is missing, in the order of names, in one transaction: everything or nothing, also when processes start together.
 * @throws Error when the database holds migrations that this version does not know
 */
export async function migrateUp(store: Store, migrations: readonly Migration[], nowMs: number): Promise<void> {
  await store.tables<MigrationTables>().transaction(LOCK, async (tables) => {
    const applied = await findApplied(tables)
    const known = new Set(migrations.map(({ name }) => name))
    const unknown = [...applied].filter((name) => !known.has(name))
    if (unknown.length > 0) throw new Error(`the database was migrated by a newer version: ${unknown.join(', ')}`)
    for (const migration of sorted(migrations)) {
      if (applied.has(migration.name)) continue
      await migration.up(anyTables(tables), store.engine)
      await tables.insertInto('authority_migrations').values({ name: migration.name, applied_at: nowMs }).execute()
    }
  })
}

/** Takes back the migrations behind `last`, newest first; without `last` all of them. What their tables held is gone. */
export async function migrateDown(store: Store, migrations: readonly Migration[], last = ''): Promise<void> {
  await store.tables<MigrationTables>().transaction(LOCK, async (tables) => {
    const applied = await findApplied(tables)
    for (const migration of sorted(migrations).reverse()) {
      if (!applied.has(migration.name) || migration.name <= last) continue
      await migration.down(anyTables(tables), store.engine)
      await tables.deleteFrom('authority_migrations').where('name', '=', migration.name).execute()
    }
  })
}

async function findApplied(tables: Transaction<MigrationTables>): Promise<ReadonlySet<string>> {
  await sql`CREATE TABLE IF NOT EXISTS authority_migrations (name text PRIMARY KEY, applied_at bigint NOT NULL)`.execute(
    tables,
  )
  const rows = await tables.selectFrom('authority_migrations').select('name').execute()
  return new Set(rows.map(({ name }) => name))
}

function sorted(migrations: readonly Migration[]): Migration[] {
  return [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A migration makes the tables that it names. */
function anyTables(tables: Transaction<MigrationTables>): Transaction<unknown> {
  return tables as unknown as Transaction<unknown>
}
