import type { Transaction } from 'kysely'
import type { Migration } from '../storage/store.ts'
import { EVERY_TENANT, type Role } from './caller.ts'

/** One role of one caller. */
export interface RoleRow {
  /** A tenant, or `*`. */
  readonly tenant: string
  readonly caller: string
  readonly role: Role
}

/** Tables of roles. */
export interface RoleTables {
  readonly caller_roles: RoleRow
}

/** Makes them. */
export const ROLE_MIGRATIONS: readonly Migration[] = [
  {
    name: '003_roles',
    up: async (db) => {
      await db.schema
        .createTable('caller_roles')
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('caller', 'text', (column) => column.notNull())
        .addColumn('role', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('caller_roles_key', ['caller', 'tenant', 'role'])
        .execute()
    },
    down: async (db) => db.schema.dropTable('caller_roles').execute(),
  },
]

/** Roles of a caller in a tenant, those in every tenant included. */
export async function findRoles(
  tables: Pick<Transaction<RoleTables>, 'selectFrom'>,
  caller: string,
  tenant: string | undefined,
): Promise<readonly Pick<RoleRow, 'role' | 'tenant'>[]> {
  const places = tenant === undefined ? [EVERY_TENANT] : [EVERY_TENANT, tenant]
  const query = tables.selectFrom('caller_roles').select(['role', 'tenant']).where('caller', '=', caller)
  return query.where('tenant', 'in', places).execute()
}
