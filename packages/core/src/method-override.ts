import type { AgentRequest } from './agent-request.ts'
import type { ProofFact } from './facts.ts'
import { fieldBit } from './header-fields.ts'

/** Fields by which frameworks let a request be another method than it says. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override'] as const
const BITS = OVERRIDES.reduce((bits, name) => bits | fieldBit(name), 0)

/**
 * A field that overrides the method and that no proof covers: the method that was judged would not be the one that is
 * executed. Tokens, DPoP proofs and the simple forms cover none.
 */
export function findUncoveredOverride({ headers }: AgentRequest, proof: ProofFact | undefined): string | undefined {
  if (headers.mask !== undefined && (headers.mask & BITS) === 0) return undefined
  return OVERRIDES.find((name) => headers.has(name) && proof?.covers(name) !== true)
}
