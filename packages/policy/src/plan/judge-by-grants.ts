import type { JudgeDecisions, Judged } from './plan-decisions.ts'
import type { RecordedDecision } from './recorded-decision.ts'

/** What an agent would be granted. */
export interface PlannedGrant {
  /** Only an active agent is let in. */
  readonly state: 'active' | 'suspended' | 'retired'
  /** Scopes that it has at most; `undefined` where nothing is said of it. */
  readonly capabilities?: readonly string[] | undefined
  /** Whether there are limits, which the trail does not keep the arguments for. */
  readonly hasLimits: boolean
}

/** Other grants than those that were in force. */
export interface PlannedGrants {
  /** What an agent would be granted; `undefined` for one that would not be known. */
  readonly find: (agentId: string) => PlannedGrant | undefined
  /** Whether a granted scope covers one that was used: `coversScope` of @countermark/capability. */
  readonly covers: (granted: string, used: string) => boolean
}

/**
 * Judges recorded decisions by other grants: whether agents would still be known, and whether the scopes that their requests used would
 * still be covered. What a refused request would have needed is not in the trail.
 * @example
 * await planDecisions(lines, judgeByGrants({ find: (id) => proposed.get(id), covers: coversScope }))
 */
export function judgeByGrants(grants: PlannedGrants): JudgeDecisions {
  return (decisions) => decisions.map((decision) => judge(decision, grants))
}

/** `role:support`, `restrict:ip:192.0.2.1`, `storage:read:1h`. */
const NOT_PLAIN = /^(?:role|restrict):|:\d+[a-z]$/

const ABOUT_GRANTS = [
  'insufficient_scope',
  'constraint_violation',
  'constraint_unknown',
  'agent_suspended',
  'key_unknown',
]

function judge(
  { agent, wasAllowed, code = '', capabilities, isDelegated }: RecordedDecision,
  grants: PlannedGrants,
): Judged {
  if (!wasAllowed) return ABOUT_GRANTS.includes(code) ? { cannotTell: 'needs_not_kept' } : 'unchanged'
  if (agent === undefined) return 'unchanged'
  const grant = grants.find(agent)
  if (grant === undefined || grant.state !== 'active') return 'refused'
  if (capabilities === undefined || capabilities.length === 0) return 'allowed'
  const { capabilities: granted } = grant
  // A token is cut to what the registry says, where it says something; without a token the registry grants.
  if (granted === undefined && !isDelegated) return 'refused'
  const isCovered = capabilities.every((used) => granted?.some((scope) => grants.covers(scope, used)) ?? true)
  if (!isCovered) return granted?.some((scope) => NOT_PLAIN.test(scope)) ? { cannotTell: 'grant_not_plain' } : 'refused'
  return grant.hasLimits ? { cannotTell: 'limits_not_kept' } : 'allowed'
}
