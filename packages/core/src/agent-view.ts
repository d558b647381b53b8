import { bareCopy } from './bare-object.ts'
import type { AgentView, Facts } from './facts.ts'

const COVERS_NOTHING = (): boolean => false

/** The flat, frozen view of the facts for handlers; `undefined` while nobody is known. */
export function createAgentView(facts: Readonly<Partial<Facts>>, requestId: string): AgentView | undefined {
  const { agent, proof, freshness, delegation, capability } = facts
  if (agent === undefined) return undefined
  // Assigned step by step: one literal with two spreads takes V8 eighty times as long.
  const view = Object.assign(bareCopy(facts), agent, {
    requestId,
    keyId: proof?.keyId,
    thumbprint: proof?.thumbprint,
    proof,
    freshness,
    delegation,
    capability,
    covered: proof?.covers ?? COVERS_NOTHING,
  })
  // Other packages add to Facts and to AgentView alike; which of them are loaded is not known here.
  return Object.freeze(view) as AgentView
}
