import { type CapabilityUses, type GrantReview, reviewGrant } from '@countermark/audit/reports'
import { coversScope } from '@countermark/capability'
import type { RegisteredAgent } from './registered-agent.ts'

/** What one agent was given, and what it used. */
export interface AgentReview extends GrantReview {
  readonly agent: string
  /** For `If-Match`, when the proposal is carried out by `PATCH /agents/{agent}`. */
  readonly revision: number
}

/** Lines of audit trails (docs/protocol/audit-record.md) from a moment on, in Unix milliseconds. */
export type ReadDecisions = (sinceMs: number) => AsyncIterable<string> | Iterable<string>

/** Compares what an agent was given with what it used. */
export function reviewAgent({ id, revision, ceiling }: RegisteredAgent, { byAgent }: CapabilityUses): AgentReview {
  return { agent: id, revision, ...reviewGrant(ceiling, byAgent.get(id) ?? [], coversScope) }
}
