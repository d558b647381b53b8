import type { AgentFact, ProofFact } from '@countermark/core'

/** What a valid signature establishes: who calls, and what was signed. */
export interface SignatureFacts {
  readonly agent: AgentFact
  readonly proof: ProofFact
}
