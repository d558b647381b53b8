import { parseScopes, withinCeilings } from './ceiling.ts'
import type { AgentRow, AgentState } from './registry-tables.ts'

/** An agent, and what it may do at this moment. */
export interface RegisteredAgent {
  /** The id of the agent: `agt_7f2k9x`. */
  readonly id: string
  /** To which tenant it belongs. */
  readonly tenant: string
  /** What people call it. */
  readonly name: string
  /** What it is for, in a sentence. */
  readonly purpose: string
  /** What kind of agent it is. */
  readonly type: string
  /** Its version. */
  readonly version: string
  /** Where it is in its life. */
  readonly state: AgentState
  /** Why it is in this state, where a reason was given. */
  readonly reason: string | undefined
  /** Who answers for it. */
  readonly owners: readonly string[]
  /** What it was given. */
  readonly ceiling: readonly string[]
  /** What of it the ceilings of all its owners cover: what counts. */
  readonly capabilities: readonly string[]
  /** Limits of everything that it does. */
  readonly constraints: Readonly<Record<string, unknown>>
  /** The template that it was made from. */
  readonly template: string | undefined
  /** Unix milliseconds, as all times here. */
  readonly expiresAt: number | undefined
  /** By when its keys must have been replaced. */
  readonly rotateBy: number | undefined
  /** Who asked for its retirement, which a second person confirms. */
  readonly retirementAskedBy: string | undefined
  /** The agent that came in its place. */
  readonly replacedBy: string | undefined
  /** When it was registered. */
  readonly createdAt: number
  /** When it was last changed. */
  readonly changedAt: number
  /** Counts changes: the `ETag` is made of it. */
  readonly revision: number
}

/** An agent with what counts of it: of its row, its owners, and the ceilings of those who have not left. */
export function toRegistered(
  row: AgentRow,
  owners: readonly string[],
  ceilings: readonly (readonly string[])[],
): RegisteredAgent {
  const ceiling = parseScopes(row.ceiling)
  const { id, tenant, name, purpose, type, version, state } = row
  return {
    ...{ id, tenant, name, purpose, type, version, state, owners, ceiling },
    capabilities: withinCeilings(ceiling, ceilings),
    constraints: JSON.parse(row.constraints),
    reason: row.reason ?? undefined,
    template: row.template ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    rotateBy: row.rotate_by ?? undefined,
    retirementAskedBy: row.retirement_asked_by ?? undefined,
    replacedBy: row.replaced_by ?? undefined,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    revision: row.revision,
  }
}
