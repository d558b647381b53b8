import type { Decision } from '@countermark/core'
import { reachesLevel } from '@countermark/core/internal'
import { OTHER } from './label-set.ts'

/** Whoever proved nothing. */
export const UNVERIFIED = 'unverified'

/** Which agents are told apart. */
export interface AgentLabelOptions {
  /** Agents shown by their id; all further ones are `other`. @default 100 */
  readonly max?: number
  /** The only agents shown by their id. @default the first that were verified */
  readonly only?: readonly string[]
}

/** The `agent` label of a decision. */
export type AgentLabel = (decision: Decision) => string

/**
 * An id is a label only when a credential proves it. A refused signature that names a known key counts for its agent where
 * that agent is shown already: what callers merely say takes no label from those who prove it.
 */
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
    const claimed = refusal?.claimedAgent
    return claimed !== undefined && shown.has(claimed) ? claimed : UNVERIFIED
  }
}
