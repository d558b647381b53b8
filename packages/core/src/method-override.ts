import type { AgentRequest } from './agent-request.ts'
import type { ProofFact } from './facts.ts'

/** Fields by which frameworks let a request be another method than it says. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override'] as const

/**
 * A field that overrides the method and that no proof covers: the method that was judged would not be the one that is
 * executed. Tokens, DPoP proofs and the simple forms cover none.
 */
export function findUncoveredOverride({ headers }: AgentRequest, proof: ProofFact | undefined): string | undefined {
  return OVERRIDES.find((name) => headers.has(name) && proof?.covers(name) !== true)
}
