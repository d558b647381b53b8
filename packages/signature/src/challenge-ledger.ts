import type { AgentKey, Environment } from '@countermark/core'

/** For whom a challenge is and what for. */
export interface ChallengeRequest {
  /** A lower-case word such as `approve-request`; whoever signs reads it. */
  readonly purpose: string
  /** The only agent that may answer. @default any */
  readonly agentId?: string
}

/** Knows which messages were handed out and which of them were answered. */
export interface ChallengeLedger {
  /** A message never handed out before. @throws Unavailable `overloaded` */
  readonly issue: (request: ChallengeRequest, environment: Environment) => string
  /**
   * When a message was handed out to this agent, in Unix seconds.
   * @throws Refusal `freshness_unproven`, `signature_expired`
   */
  readonly check: (message: string, agentId: string, environment: Environment) => number
  /** Accepts a message once. Called after the signature held. @throws Refusal `replay_detected` */
  readonly redeem: (message: string, key: AgentKey, environment: Environment) => void | Promise<void>
}
