import type { RiskLevel } from '../levels/levels.ts'

/** A decision that was taken. */
export interface ReviewAct {
  /** The agent that it is about. */
  readonly agentId: string
  /** Unix milliseconds. */
  readonly atMs: number
  /** What was decided, by whom, and why. */
  readonly review: Review
  /** The agent's level from then on. */
  readonly level: RiskLevel
}

/** What a reviewer decides. Everything has a name and a reason. */
export type Review = {
  /** Who decides. */
  readonly by: string
  /** Why. */
  readonly why: string
} & (
  | {
      /** At least this level (`raise`), at most this one (`lower`), or exactly this one (`freeze`). */
      readonly action: 'raise' | 'lower' | 'freeze'
      readonly level: RiskLevel
      /** How long it holds. Seconds. @default 3_600 */
      readonly forSeconds?: number
    }
  /** Forgets what counts against the agent, and every decision of a reviewer. */
  | { readonly action: 'clear' }
  | {
      /** What the agent's owner announced: a promotion, a release. */
      readonly action: 'expect'
      /** By how much more than usual is usual for this time. */
      readonly factor: number
      /** Seconds. */
      readonly forSeconds: number
    }
)
