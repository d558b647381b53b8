import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import type { Standing } from '../api/endpoint.ts'
import type { AgentRow } from './registry-tables.ts'

/** What a caller is to an agent, the least first: what one of them set, nobody of a lower rank lifts. */
export const RANKS = ['owner', 'operator', 'admin'] as const

/** One of {@link RANKS}. */
export type Rank = (typeof RANKS)[number]

/** What of an agent is remembered with the rank of who set it. */
export type SetMember = 'suspension' | 'constraints' | 'ceiling' | 'expiresAt' | 'retirement'

/** The highest rank that a caller has. */
export function rankOf({ held }: Pick<Standing, 'held'>): Rank {
  return RANKS.findLast((rank) => held.includes(rank)) ?? 'owner'
}

/** Whether one outranks the other. */
export function outranks(one: Rank, other: Rank): boolean {
  return RANKS.indexOf(one) > RANKS.indexOf(other)
}

/** Who set a member; what nobody set, an owner may change. */
export function setterOf({ set_by: text }: Pick<AgentRow, 'set_by'>, member: SetMember): Rank {
  const known: Readonly<Record<string, unknown>> = text === null ? {} : JSON.parse(text)
  return RANKS.find((rank) => rank === known[member]) ?? 'owner'
}

/** What is remembered once members were set. */
export function markSet(
  { set_by: text }: Pick<AgentRow, 'set_by'>,
  members: readonly SetMember[],
  by: Rank,
): Pick<AgentRow, 'set_by'> {
  const known = text === null ? {} : JSON.parse(text)
  return { set_by: canonicalJson({ ...known, ...Object.fromEntries(members.map((member) => [member, by])) }) }
}

/** @throws Refusal `role_missing` to who would lift what a higher rank set */
export function requireRank(agent: Pick<AgentRow, 'set_by'>, member: SetMember, by: Rank): void {
  const setter = setterOf(agent, member)
  if (!outranks(setter, by)) return
  const enough = RANKS.filter((rank) => !outranks(setter, rank))
  throw new Refusal('role_missing', `this was set by a higher role: to lift it needs one of: ${enough.join(', ')}`)
}
