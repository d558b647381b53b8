import { type Decision, reachesLevel } from '@countermark/core'
import { OTHER } from './label-set.ts'

/** Whoever proved nothing. */
export const UNVERIFIED = 'unverified'

/** Which agents are told apart. */
export interface AgentLabelOptions {
  /** Agents shown by their id; all further ones are `other`. @default 100 */
  readonly max?: number
  /** The only agents shown by their id. @default the first that come */
  readonly only?: readonly string[]
}

/** The `agent` label of a decision. */
export type AgentLabel = (decision: Decision) => string

/** An id is a label only when a credential proves it, or when a refused signature names a key that a source of keys knows. */
export function createAgentLabel({
  max,
  only,
}: {
  readonly max: number
  readonly only: readonly string[] | undefined
}): AgentLabel {
  const shown = new Set(only?.slice(0, max))
  const admit = (id: string): string => {
    if (shown.has(id)) return id
    if (only !== undefined || shown.size >= max) return OTHER
    shown.add(id)
    return id
  }
  return ({ agent, refusal }) => {
    if (agent !== undefined && reachesLevel(agent.level, 'bearer')) return admit(agent.id)
    return refusal?.claimedAgent === undefined ? UNVERIFIED : admit(refusal.claimedAgent)
  }
}
