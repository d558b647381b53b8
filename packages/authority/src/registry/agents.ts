import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { isTaken } from '../storage/storage-fault.ts'
import { requireAlive, updateAgent } from './agent-life.ts'
import { parseScopes, requireWithin } from './ceiling.ts'
import { noteChange } from './changes.ts'
import { requireMayLift } from './lifting.ts'
import { markSet, outranks, type Rank, type SetMember, setterOf } from './rank.ts'
import { type RegisteredAgent, toRegistered } from './registered-agent.ts'
import type { AgentRow, RegistryReads, RegistryTransaction } from './registry-tables.ts'

/** What an agent is created from. */
export interface NewAgent {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly purpose: string
  readonly type: string
  readonly version: string
  readonly owners: readonly string[]
  readonly ceiling: readonly string[]
  readonly constraints: Readonly<Record<string, unknown>>
  readonly template?: string | undefined
  /** Unix milliseconds. */
  readonly expiresAt?: number | undefined
  /** Who registers it: constraints that are set then are lifted by nobody of a lower rank. */
  readonly by: Rank
}

/** Registers an agent, staged. @throws Refusal `already_exists`, `ceiling_exceeded`, `input_invalid` */
export async function createAgent(tables: RegistryTransaction, input: NewAgent, nowMs: number): Promise<AgentRow> {
  const { owners, ceiling, constraints, template = null, expiresAt = null, by, ...rest } = input
  requireWithin(ceiling, await ceilingsOf(tables, input.tenant, owners))
  const row: AgentRow = {
    ...rest,
    ...{ ceiling: canonicalJson(ceiling), constraints: canonicalJson(constraints), template, expires_at: expiresAt },
    ...{
      state: 'staged',
      reason: null,
      rotate_by: null,
      retirement_asked_by: null,
      retirement_reason: null,
      replaced_by: null,
    },
    ...markSet({ set_by: null }, Object.keys(constraints).length === 0 ? [] : ['constraints'], by),
    ...{ created_at: nowMs, changed_at: nowMs, revision: 1 },
  }
  try {
    await tables.insertInto('agents').values(row).execute()
  } catch (error) {
    if (isTaken(error)) throw new Refusal('already_exists', 'an agent has this id', { cause: error })
    throw error
  }
  await setOwners(tables, row, owners)
  await noteChange(tables, { kind: 'agent_created', at: nowMs, tenant: row.tenant, agent: row.id })
  return row
}

/** What may be changed of an agent; what is left out stays. */
export interface AgentChange {
  readonly name?: string | undefined
  readonly purpose?: string | undefined
  readonly type?: string | undefined
  readonly owners?: readonly string[] | undefined
  readonly ceiling?: readonly string[] | undefined
  readonly constraints?: Readonly<Record<string, unknown>> | undefined
  readonly expiresAt?: number | null | undefined
}

/** Who changes an agent. */
export interface Changer {
  readonly rank: Rank
  /** The person who calls; `undefined` for agents. */
  readonly person: string | undefined
}

/**
 * Changes an agent; owners and ceiling are judged together, as they will be. What changes nothing is not counted as a change: others
 * who have read the agent may still change it.
 * @throws Refusal
 */
export async function changeAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  wanted: AgentChange,
  { by, nowMs }: { readonly by: Changer; readonly nowMs: number },
): Promise<AgentRow> {
  requireAlive(agent)
  const { owners, ceiling } = wanted
  const before = await ownersOf(tables, agent.id)
  requireMayLift(agent, wanted, { ...by, owners: before })
  if (owners !== undefined || ceiling !== undefined) {
    const answering = owners ?? before
    requireWithin(ceiling ?? parseScopes(agent.ceiling), await ceilingsOf(tables, agent.tenant, answering))
  }
  const isSame =
    owners === undefined || canonicalJson([...new Set(owners)].sort()) === canonicalJson([...before].sort())
  const change = changedMembers(agent, wanted)
  const names = Object.keys(change)
  if (isSame && names.length === 0) return agent
  if (owners !== undefined && !isSame) await setOwners(tables, agent, owners)
  const members = names.flatMap((name) => SET_MEMBERS[name] ?? [])
  const raised = members.filter((member) => !outranks(setterOf(agent, member), by.rank))
  const row = await updateAgent(tables, agent, { ...change, ...markSet(agent, raised, by.rank) }, nowMs)
  await noteChange(tables, { kind: 'agent_changed', at: nowMs, tenant: agent.tenant, agent: agent.id })
  return row
}

const SET_MEMBERS: Readonly<Record<string, SetMember | undefined>> = {
  constraints: 'constraints',
  ceiling: 'ceiling',
  expires_at: 'expiresAt',
}

/** What differs from the row. */
function changedMembers(
  agent: AgentRow,
  { owners: _owners, ceiling, constraints, expiresAt, ...texts }: AgentChange,
): Partial<AgentRow> {
  const change = {
    ...texts,
    ...(ceiling === undefined ? {} : { ceiling: canonicalJson(ceiling) }),
    ...(constraints === undefined ? {} : { constraints: canonicalJson(constraints) }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  }
  const known: Readonly<Record<string, unknown>> = { ...agent }
  return Object.fromEntries(
    Object.entries(change).filter(([name, value]) => value !== undefined && known[name] !== value),
  )
}

/** Finds an agent. @throws Refusal `not_found` */
export async function findAgentRow(tables: RegistryReads, id: string): Promise<AgentRow> {
  const row = await tables.selectFrom('agents').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'no agent has this id')
  return row
}

/** People who answer for an agent. */
export async function ownersOf(tables: RegistryReads, agent: string): Promise<readonly string[]> {
  const query = tables.selectFrom('agent_owners').select('person').where('agent', '=', agent)
  return (await query.orderBy('person').execute()).map(({ person }) => person)
}

/** An agent with what counts of it. */
export async function viewAgent(tables: RegistryReads, row: AgentRow): Promise<RegisteredAgent> {
  const owners = await ownersOf(tables, row.id)
  const answering = await tables
    .selectFrom('people')
    .select('ceiling')
    .where('tenant', '=', row.tenant)
    .where('id', 'in', owners.length === 0 ? [''] : [...owners])
    .where('state', '=', 'active')
    .execute()
  return toRegistered(
    row,
    owners,
    answering.map(({ ceiling }) => parseScopes(ceiling)),
  )
}

async function setOwners(
  tables: RegistryTransaction,
  { id, tenant }: AgentRow,
  owners: readonly string[],
): Promise<void> {
  await tables.deleteFrom('agent_owners').where('agent', '=', id).execute()
  const rows = [...new Set(owners)].map((person) => ({ agent: id, tenant, person }))
  await tables.insertInto('agent_owners').values(rows).execute()
}

/** @throws Refusal `input_invalid` when one of them is not here */
async function ceilingsOf(
  tables: RegistryReads,
  tenant: string,
  owners: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const wanted = [...new Set(owners)]
  const query = tables.selectFrom('people').select('ceiling').where('tenant', '=', tenant).where('state', '=', 'active')
  const rows = wanted.length === 0 ? [] : await query.where('id', 'in', wanted).execute()
  if (rows.length === wanted.length && rows.length > 0) return rows.map(({ ceiling }) => parseScopes(ceiling))
  const errors = [{ pointer: '/owners', message: 'every owner must be a person of this tenant who has not left' }]
  throw new Refusal('input_invalid', 'owners must be people of this tenant', { members: { errors } })
}
