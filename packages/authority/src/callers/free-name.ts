import { Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import type { Standing } from '../api/endpoint.ts'
import type { RoleTables } from './role-tables.ts'

/** A name that an agent would call under, and who wants to register it. */
export interface WantedName {
  /** As roles name it: `agent:agt_7`. */
  readonly name: string
  readonly tenant: string
  readonly standing: Standing
  readonly administrators: ReadonlySet<string>
}

/**
 * Refuses a name that may do something already. The key of an administrator, or of a caller with a role, may come from elsewhere
 * (option `keys`): an agent of that name would act with those rights, under a key that its owner chose.
 * @throws Refusal `already_exists`
 */
export async function requireFreeName(
  tables: Pick<Transaction<RoleTables>, 'selectFrom'>,
  { name, tenant, standing: { held, everywhere }, administrators }: WantedName,
): Promise<void> {
  if (everywhere.includes('admin')) return
  const roles = await tables.selectFrom('caller_roles').select('tenant').where('caller', '=', name).execute()
  const mayGive = held.includes('admin') && roles.every((role) => role.tenant === tenant)
  if (!administrators.has(name) && (roles.length === 0 || mayGive)) return
  throw new Refusal('already_exists', 'an agent has this id')
}
