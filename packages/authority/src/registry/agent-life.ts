import { Refusal } from '@countermark/core'
import { type ChangeKind, noteChange } from './changes.ts'
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

/** Suspends without asking; for what suspends by itself. */
export function suspendRow(
  tables: RegistryTransaction,
  agent: AgentRow,
  reason: string,
  nowMs: number,
): Promise<AgentRow> {
  return moveTo(tables, agent, { state: 'suspended', reason, kind: 'agent_suspended' }, nowMs)
}

/** Stops an agent until it is resumed. @throws Refusal `state_conflict` */
export function suspendAgent(
  tables: RegistryTransaction,
  agent: AgentRow,
  reason: string,
  nowMs: number,
): Promise<AgentRow> {
  if (agent.state === 'suspended') throw new Refusal('state_conflict', 'the agent is suspended already')
  requireAlive(agent)
  return suspendRow(tables, agent, reason, nowMs)
}

/** Lets a suspended agent go on: as active if it ever had a key, as staged otherwise. @throws Refusal `state_conflict` */
export async function resumeAgent(tables: RegistryTransaction, agent: AgentRow, nowMs: number): Promise<AgentRow> {
  if (agent.state !== 'suspended') throw new Refusal('state_conflict', 'only a suspended agent can be resumed')
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
  return moveTo(tables, agent, { state, reason: null, kind: 'agent_resumed' }, nowMs)
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
