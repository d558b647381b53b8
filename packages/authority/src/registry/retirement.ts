import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { requireAlive, retireAgent, updateAgent } from './agent-life.ts'
import { findAgentRow, ownersOf } from './agents.ts'
import { parseScopes, withinCeilings } from './ceiling.ts'
import { noteChange } from './changes.ts'
import { markSet, outranks, type Rank, requireRank, setterOf } from './rank.ts'
import type { AgentRow, RegistryTransaction } from './registry-tables.ts'

/** What a caller asks for: somebody else has to approve it. */
export interface RetirementRequest {
  readonly askedBy: string
  /** What the one who asks is: nobody of a lower rank takes the question back. */
  readonly by: Rank
  readonly reason: string
  /** Who takes its capabilities over. */
  readonly replacement: string | undefined
}

/** Asks for the end of an agent. It goes on until another caller approves. @throws Refusal `state_conflict`, `not_found` */
export async function askRetirement(
  tables: RegistryTransaction,
  agent: AgentRow,
  { askedBy, by, reason, replacement }: RetirementRequest,
  nowMs: number,
): Promise<AgentRow> {
  requireAlive(agent)
  if (agent.retirement_asked_by !== null) throw new Refusal('state_conflict', 'the retirement was asked for already')
  if (replacement !== undefined) requireReplacement(agent, await findAgentRow(tables, replacement))
  const change = { retirement_asked_by: askedBy, replaced_by: replacement ?? null, retirement_reason: reason }
  return updateAgent(tables, agent, { ...change, ...markSet(agent, ['retirement'], by) }, nowMs)
}

/** Takes the question back. @throws Refusal `state_conflict`; `role_missing` to a lower rank than the one that asked */
export async function withdrawRetirement(
  tables: RegistryTransaction,
  agent: AgentRow,
  by: Rank,
  nowMs: number,
): Promise<AgentRow> {
  if (agent.retirement_asked_by === null) throw new Refusal('state_conflict', 'no retirement was asked for')
  requireRank(agent, 'retirement', by)
  const change = { retirement_asked_by: null, retirement_reason: null, replaced_by: null }
  return updateAgent(tables, agent, change, nowMs)
}

/** An agent that has ended, and what another one has now. */
export interface Retirement {
  readonly agent: AgentRow
  readonly handedOver: readonly string[]
  /** What an owner of the replacement may not give. */
  readonly notHandedOver: readonly string[]
}

/**
 * Ends an agent, and hands its capabilities to its replacement as far as the ceilings of that one's owners cover them. A ceiling
 * that a higher rank than the one who approves has set stays as it is.
 * @throws Refusal `state_conflict`, `role_missing` for the caller who asked
 */
export async function approveRetirement(
  tables: RegistryTransaction,
  agent: AgentRow,
  { approvedBy, by }: { readonly approvedBy: string; readonly by: Rank },
  nowMs: number,
): Promise<Retirement> {
  const { retirement_asked_by: askedBy, replaced_by: replacement, retirement_reason: reason } = agent
  if (askedBy === null) throw new Refusal('state_conflict', 'no retirement was asked for')
  if (askedBy === approvedBy) throw new Refusal('role_missing', 'another caller than the one who asked must approve')
  const retired = await retireAgent(tables, agent, { reason, replaced_by: replacement }, nowMs)
  if (replacement === null) return { agent: retired, handedOver: [], notHandedOver: [] }
  return {
    agent: retired,
    ...(await handOver(tables, agent, { to: await findAgentRow(tables, replacement), by }, nowMs)),
  }
}

async function handOver(
  tables: RegistryTransaction,
  agent: AgentRow,
  { to: replacement, by }: { readonly to: AgentRow; readonly by: Rank },
  nowMs: number,
): Promise<Omit<Retirement, 'agent'>> {
  requireReplacement(agent, replacement)
  const scopes = parseScopes(agent.ceiling)
  if (outranks(setterOf(replacement, 'ceiling'), by)) return { handedOver: [], notHandedOver: scopes }
  const owners = await ownersOf(tables, replacement.id)
  const people = await tables
    .selectFrom('people')
    .select('ceiling')
    .where('tenant', '=', replacement.tenant)
    .where('state', '=', 'active')
    .where('id', 'in', owners.length === 0 ? [''] : [...owners])
    .execute()
  const handedOver = withinCeilings(
    scopes,
    people.map(({ ceiling }) => parseScopes(ceiling)),
  )
  const ceiling = [...new Set([...parseScopes(replacement.ceiling), ...handedOver])]
  await updateAgent(tables, replacement, { ceiling: canonicalJson(ceiling) }, nowMs)
  await noteChange(tables, { kind: 'agent_changed', at: nowMs, tenant: replacement.tenant, agent: replacement.id })
  return { handedOver, notHandedOver: scopes.filter((scope) => !handedOver.includes(scope)) }
}

function requireReplacement(agent: AgentRow, replacement: AgentRow): void {
  if (replacement.tenant !== agent.tenant) throw new Refusal('not_found', 'the tenant has no such replacement')
  if (replacement.id === agent.id || replacement.state === 'retired') {
    throw new Refusal('state_conflict', 'the replacement must be another agent that is not retired')
  }
}
