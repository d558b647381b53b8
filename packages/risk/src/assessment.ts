import type { RiskLevel } from './levels/levels.ts'
import type { SignalName } from './score/weights.ts'

/** What is known of an agent's behaviour at a request. */
export interface RiskFact {
  /** 0 to 100. */
  readonly score: number
  /** How the agent is answered. */
  readonly level: RiskLevel
  /** Why, the weightiest first: one sentence with figures for each signal that counts. */
  readonly reasons: readonly string[]
  /** What held for this request in place of a store that could not answer. @default the store answered */
  readonly fallback?: Fallback
}

/** What holds while a store cannot answer: what this process sees, nothing, or reading only. */
export type Fallback = 'local' | 'allow' | 'read-only'

/** What came of an observation. */
export interface Assessment extends RiskFact {
  /** The level that the learned baseline asks for; differs from `level` while `baseline: 'observe'`. */
  readonly wouldBe: RiskLevel
  /** Seconds until the next turn of an agent that is slowed down, 0 for now, where the store has taken it in the same step. @default the check asks for it */
  readonly waitSeconds?: number
}

/** Where an agent stands. */
export interface Standing extends Assessment {
  /** The agent, as its credential proves it. */
  readonly agentId: string
  /** Unix milliseconds: since when it is at this level. */
  readonly sinceMs: number
  /** Unix milliseconds: until when a reviewer holds it between two levels; `undefined` when none does. */
  readonly heldUntilMs: number | undefined
  /** What counts against it, in points of the score. */
  readonly evidence: readonly { readonly signal: SignalName; readonly points: number; readonly sentence: string }[]
}
