import type { AgentView } from '@countermark/core'

/** What a handler knows of its caller, as the backends of the demo answer it. */
export interface Caller {
  readonly agent: string
  readonly level: string
  /** For whom. */
  readonly user: string
  /** Through whose hands before, the latest first. */
  readonly through: readonly string[]
}

/** Reads it from `req.agent` or `ctx.state.agent`. */
export function callerOf(agent: AgentView | undefined): Caller | undefined {
  if (agent?.delegation === undefined) return undefined
  const { subject, priorActors } = agent.delegation
  return { agent: agent.id, level: agent.level, user: subject, through: priorActors.map(({ id }) => id) }
}
