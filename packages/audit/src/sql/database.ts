import { Misconfigured } from '@countermark/core'
import type { Kysely } from 'kysely'
import type { AuditTables } from './audit-tables.ts'

/**
 * Refuses what is no Kysely of a database that is taken.
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
