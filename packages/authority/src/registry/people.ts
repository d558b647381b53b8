import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { EVERY_TENANT, type Role } from '../callers/caller.ts'
import { findRoles } from '../callers/role-tables.ts'
import { endTokens } from '../stop/carry-out-stop.ts'
import { endUser } from '../stop/stop-target.ts'
import { isTaken } from '../storage/storage-fault.ts'
import { suspendRow } from './agent-life.ts'
import { parseScopes } from './ceiling.ts'
import { noteChange } from './changes.ts'
import type { PersonRow, RegistryReads, RegistryTransaction } from './registry-tables.ts'

/** A person as the API shows them. */
export interface PersonView {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly ceiling: readonly string[]
  readonly state: PersonRow['state']
}

/** What a person is created from. */
export interface NewPerson {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly ceiling: readonly string[]
}

/** Registers a person. @throws Refusal `already_exists` */
export async function createPerson(tables: RegistryTransaction, input: NewPerson, nowMs: number): Promise<PersonRow> {
  const { ceiling, ...rest } = input
  const row: PersonRow = { ...rest, ceiling: canonicalJson(ceiling), state: 'active', created_at: nowMs, revision: 1 }
  try {
    await tables.insertInto('people').values(row).execute()
  } catch (error) {
    if (isTaken(error)) throw new Refusal('already_exists', 'a person of this tenant has this id', { cause: error })
    throw error
  }
  return row
}

/** Finds a person. @throws Refusal `not_found` */
export async function findPerson(tables: RegistryReads, tenant: string, id: string): Promise<PersonRow> {
  const query = tables.selectFrom('people').selectAll().where('tenant', '=', tenant).where('id', '=', id)
  const row = await query.executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'no person of this tenant has this id')
  return row
}

/** Changes name or ceiling. Agents keep what they were given, as far as the new ceiling covers it. */
export async function changePerson(
  tables: RegistryTransaction,
  person: PersonRow,
  change: { readonly name?: string | undefined; readonly ceiling?: readonly string[] | undefined },
  nowMs: number,
): Promise<PersonRow> {
  const { tenant, id } = person
  const { name = person.name } = change
  const ceiling = change.ceiling === undefined ? person.ceiling : canonicalJson(change.ceiling)
  if (name === person.name && ceiling === person.ceiling) return person
  const row = { ...person, name, ceiling, revision: person.revision + 1 }
  await tables.updateTable('people').set(row).where('tenant', '=', tenant).where('id', '=', id).execute()
  await noteChange(tables, { kind: 'person_changed', at: nowMs, tenant, person: id })
  return row
}

/** What a person's leaving stops. */
export interface Departure {
  readonly person: PersonRow
  /** Agents that were suspended: each has lost an owner, and some other one must say that it goes on. */
  readonly suspended: readonly string[]
  /** How many tokens of agents of the tenant spoke for them until now. */
  readonly tokens: number
  /** Roles in every tenant that they still have, because who sent them away may not take those. */
  readonly rolesKept: readonly Role[]
}

/** How a person leaves. */
export interface Leaving {
  /** What they are called in tokens. */
  readonly names: readonly string[]
  /** Of these tokens. */
  readonly issuer: string | undefined
  /** Whether the caller may take roles that count in every tenant. */
  readonly takes: 'roles-of-the-tenant' | 'all-roles'
  readonly nowMs: number
}

/**
 * A person leaves: their agents are suspended, they own none any more, agents of the tenant act for them no longer, and their roles
 * are taken.
 */
export async function leavePerson(
  tables: RegistryTransaction,
  person: PersonRow,
  { names, issuer, takes, nowMs }: Leaving,
): Promise<Departure> {
  const { tenant, id } = person
  if (person.state === 'left') throw new Refusal('state_conflict', 'the person has left already')
  const suspended = await suspendOwned(tables, person, nowMs)
  const ended = await endTokens(tables, endUser(names, tenant), { issuer, nowMs })
  await tables.deleteFrom('agent_owners').where('tenant', '=', tenant).where('person', '=', id).execute()
  const left: PersonRow = { ...person, state: 'left', revision: person.revision + 1 }
  await tables.updateTable('people').set(left).where('tenant', '=', tenant).where('id', '=', id).execute()
  const places = takes === 'all-roles' ? [tenant, EVERY_TENANT] : [tenant]
  await tables.deleteFrom('caller_roles').where('caller', '=', `person:${id}`).where('tenant', 'in', places).execute()
  const kept = await findRoles(tables, `person:${id}`, undefined)
  await noteChange(tables, { kind: 'person_left', at: nowMs, tenant, person: id })
  return { person: left, suspended, tokens: ended.length, rolesKept: kept.map(({ role }) => role) }
}

async function suspendOwned(
  tables: RegistryTransaction,
  { tenant, id }: PersonRow,
  nowMs: number,
): Promise<readonly string[]> {
  const query = tables.selectFrom('agent_owners').select('agent').where('tenant', '=', tenant)
  const suspended: string[] = []
  for (const { agent } of await query.where('person', '=', id).execute()) {
    const row = await tables.selectFrom('agents').selectAll().where('id', '=', agent).executeTakeFirst()
    if (row === undefined || row.state === 'retired') continue
    if (row.state !== 'suspended') await suspendRow(tables, row, { reason: 'owner_left', by: 'owner' }, nowMs)
    suspended.push(agent)
  }
  return suspended
}

/** How the API shows a person. */
export function viewPerson({ tenant, id, name, ceiling, state }: PersonRow): PersonView {
  return { tenant, id, name, ceiling: parseScopes(ceiling), state }
}
