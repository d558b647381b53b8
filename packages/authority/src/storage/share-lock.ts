import { PostgresAdapter, sql, type Transaction } from 'kysely'

/**
 * Takes a lock until the transaction ends: any number may share it, one alone holds it `alone`. An embedded file has one writer, so
 * that nothing has to be done there.
 * @throws Unavailable `storage_unavailable` when it is not to be had in time
 */
export async function shareLock(tables: unknown, lock: string, how: 'shared' | 'alone'): Promise<void> {
  const inside = tables as Transaction<unknown>
  if (!(inside.getExecutor().adapter instanceof PostgresAdapter)) return
  const name = sql`hashtextextended(${`countermark:${lock}`}, 0)`
  const take = how === 'shared' ? sql`pg_advisory_xact_lock_shared(${name})` : sql`pg_advisory_xact_lock(${name})`
  await sql`SELECT ${take}`.execute(inside)
}
