import { Refusal } from '@countermark/core'
import { isTaken } from '../storage/storage-fault.ts'
import type { RegistryReads, RegistryTransaction, TenantRow } from './registry-tables.ts'

/** Registers a tenant. @throws Refusal `already_exists` */
export async function createTenant(
  tables: RegistryTransaction,
  { id, name }: Pick<TenantRow, 'id' | 'name'>,
  nowMs: number,
): Promise<TenantRow> {
  const row: TenantRow = { id, name, created_at: nowMs, revision: 1 }
  try {
    await tables.insertInto('tenants').values(row).execute()
  } catch (error) {
    if (isTaken(error)) throw new Refusal('already_exists', 'a tenant has this id', { cause: error })
    throw error
  }
  return row
}

/** Makes sure that there is such a tenant. @throws Refusal `not_found` */
export async function requireTenant(tables: RegistryReads, id: string): Promise<TenantRow> {
  const row = await tables.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'there is no such tenant')
  return row
}
