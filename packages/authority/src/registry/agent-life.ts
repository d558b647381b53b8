import { Refusal } from '@countermark/core'
import { type ChangeKind, noteChange } from './changes.ts'
import { markSet, outranks, type Rank, requireRank, setterOf } from './rank.ts'
import type { AgentRow, AgentState, RegistryTransaction } from './registry-tables.ts'

/** Changes members of an agent and counts the revision. */
export async function updateAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  change: Partial<AgentRow>,
  nowMs: number,
): Promise<AgentRow> {
  const row: AgentRow = { ...agent, ...change, changed_at: nowMs, revision: agent.revision + 1 }
  await tables.updateTable('agents').set(row).where('id', '=', agent.id).execute()
  return row
}

/** Changes an agent and notes what happened. */
async function moveTo(
  tables: RegistryTransaction,
  agent: AgentRow,
  { kind, ...change }: Partial<AgentRow> & { readonly state: AgentState; readonly kind: ChangeKind },
  nowMs: number,
): Promise<AgentRow> {
  const row = await updateAgent(tables, agent, change, nowMs)
  await noteChange(tables, { kind, at: nowMs, tenant: agent.tenant, agent: agent.id })
  return row
}

/** Its first key makes a staged agent active. */
export function activateAgent(tables: RegistryTransaction, agent: AgentRow, nowMs: number): Promise<AgentRow> {
  return moveTo(tables, agent, { state: 'active', reason: null, kind: 'agent_activated' }, nowMs)
}

/** Why an agent is suspended, and who may lift it. */
export interface Suspension {
  readonly reason: string
  readonly by: Rank
}

/** Suspends without asking; for what suspends by itself. */
export function suspendRow(
  tables: RegistryTransaction,
  agent: AgentRow,
  { reason, by }: Suspension,
  nowMs: number,
): Promise<AgentRow> {
  const change = { state: 'suspended', reason, ...markSet(agent, ['suspension'], by), kind: 'agent_suspended' } as const
  return moveTo(tables, agent, change, nowMs)
}

/** Stops an agent until it is resumed; a higher rank takes a suspension over. @throws Refusal `state_conflict` */
export async function suspendAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  suspension: Suspension,
  nowMs: number,
): Promise<AgentRow> {
  requireAlive(agent)
  if (agent.state !== 'suspended') return suspendRow(tables, agent, suspension, nowMs)
  if (outranks(suspension.by, setterOf(agent, 'suspension')))
    return takeOverSuspension(tables, agent, suspension, nowMs)
  throw new Refusal('state_conflict', 'the agent is suspended already')
}

/** A suspended agent stays so, and nobody of a lower rank than `by` resumes it. */
export async function takeOverSuspension(
  tables: RegistryTransaction,
  agent: AgentRow,
  { reason, by }: Suspension,
  nowMs: number,
): Promise<AgentRow> {
  if (!outranks(by, setterOf(agent, 'suspension'))) return agent
  return updateAgent(tables, agent, { reason, ...markSet(agent, ['suspension'], by) }, nowMs)
}

/**
 * Lets a suspended agent go on: as active if it ever had a key, as staged otherwise.
 * @throws Refusal `state_conflict`; `role_missing` to a lower rank than the one that suspended it
 */
export async function resumeAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  by: Rank,
  nowMs: number,
): Promise<AgentRow> {
  if (agent.state !== 'suspended') throw new Refusal('state_conflict', 'only a suspended agent can be resumed')
  requireRank(agent, 'suspension', by)
  const owner = await tables
    .selectFrom('agent_owners')
    .select('person')
    .where('agent', '=', agent.id)
    .executeTakeFirst()
  if (owner === undefined) throw new Refusal('state_conflict', 'the agent has no owner; add one first')
  const query = tables
    .selectFrom('agent_keys')
    .select('kid')
    .where('agent', '=', agent.id)
    .where('state', '!=', 'pending')
  const key = await query.executeTakeFirst()
  const state = key === undefined ? 'staged' : 'active'
  const change = { state, reason: null, ...markSet(agent, ['suspension'], 'owner'), kind: 'agent_resumed' } as const
  return moveTo(tables, agent, change, nowMs)
}

/** Ends an agent for good. Its trail and its keys stay listed. @throws Refusal `state_conflict` */
export function retireAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  change: Pick<AgentRow, 'reason' | 'replaced_by'>,
  nowMs: number,
): Promise<AgentRow> {
  requireAlive(agent)
  const retired = { ...change, state: 'retired' as const, retirement_asked_by: null, kind: 'agent_retired' as const }
  return moveTo(tables, agent, retired, nowMs)
}

/** @throws Refusal `state_conflict` for a retired agent */
export function requireAlive({ state }: AgentRow): void {
  if (state === 'retired') throw new Refusal('state_conflict', 'the agent is retired')
}
