import { coversScope } from '@countermark/capability'
import { Refusal } from '@countermark/core'
import { canonicalJson, type JsonValue } from '@countermark/core/internal'
import { mergeConstraints } from '../tokens/narrowing/constraints.ts'
import { parseScopes } from './ceiling.ts'
import { outranks, type Rank, requireRank, type SetMember, setterOf } from './rank.ts'
import type { AgentRow } from './registry-tables.ts'

/** What somebody wants to set. */
interface Wanted {
  readonly owners?: readonly string[] | undefined
  readonly ceiling?: readonly string[] | undefined
  readonly constraints?: Readonly<Record<string, unknown>> | undefined
  readonly expiresAt?: number | null | undefined
}

/** Who wants it, and who owns the agent until now. */
interface Lifter {
  readonly rank: Rank
  readonly person: string | undefined
  readonly owners: readonly string[]
}

/**
 * Lets a lower rank make stricter what a higher one set, and refuses what would loosen it.
 * @throws Refusal `role_missing`
 */
export function requireMayLift(agent: AgentRow, wanted: Wanted, { rank, person, owners }: Lifter): void {
  const { ceiling, constraints, expiresAt } = wanted
  const judge = (member: SetMember, isStricter: () => boolean): void => {
    if (outranks(setterOf(agent, member), rank) && !isStricter()) requireRank(agent, member, rank)
  }
  if (constraints !== undefined) judge('constraints', () => areStricter(JSON.parse(agent.constraints), constraints))
  if (ceiling !== undefined) judge('ceiling', () => isWithin(ceiling, parseScopes(agent.ceiling)))
  if (expiresAt !== undefined) judge('expiresAt', () => isEarlier(expiresAt, agent.expires_at))
  if (wanted.owners === undefined || rank !== 'owner') return
  const removed = owners.filter((owner) => owner !== person && !wanted.owners?.includes(owner))
  if (removed.length === 0) return
  // Each owner's ceiling bounds the agent: without the strictest of them it could do more.
  throw new Refusal('role_missing', 'an owner removes no other owner; this needs one of: admin, operator')
}

/** Whether everything that was required still is: merged with what was, the new ones say nothing more. */
function areStricter(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): boolean {
  const merged = mergeConstraints(before, after)
  return merged !== undefined && canonicalJson(merged as JsonValue) === canonicalJson(after as JsonValue)
}

function isWithin(after: readonly string[], before: readonly string[]): boolean {
  return after.every((scope) => before.some((granted) => coversScope(granted, scope)))
}

function isEarlier(after: number | null, before: number | null): boolean {
  return before === null || (after !== null && after <= before)
}
