import { type CapabilityRules, can, type KnownValues } from '@countermark/capability'
import type { AgentView } from '@countermark/core'
import type { ViewMember } from '@countermark/core/internal'

/** Asks inside a handler whether the agent may do something: see `can` of @countermark/capability. */
export type AgentCan = (wanted: string, values?: KnownValues) => boolean

declare module '@countermark/core' {
  interface AgentView {
    /** Whether the agent may do something, with these values; takes nothing from budgets. Added by `countermark`. */
    readonly can: AgentCan
  }
}

/** Makes `req.agent.can`, which knows the rules of this service. */
export function createAgentCan(rules: CapabilityRules): ViewMember {
  return (agent: AgentView): AgentCan =>
    (wanted, values) =>
      can(agent, wanted, values, rules)
}
