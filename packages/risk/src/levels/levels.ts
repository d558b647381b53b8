/** How an agent is answered, mildest first. Each level keeps what the ones before it take away. */
export type RiskLevel = 'allow' | 'throttle' | 'read-only' | 'approval' | 'block'

/** All levels, mildest first. */
export const RISK_LEVELS: readonly RiskLevel[] = ['allow', 'throttle', 'read-only', 'approval', 'block']

/** The place of a level: 0 for `allow`, 4 for `block`. */
export function rankOf(level: RiskLevel): number {
  return RISK_LEVELS.indexOf(level)
}

/** The level at a place. */
export function levelAt(rank: number): RiskLevel {
  return RISK_LEVELS[rank] ?? 'block'
}

/** From which score each level is wanted, `allow` first, and when it ends. */
export interface LevelRule {
  /** Scores, ascending: `throttle`, `read-only`, `approval`, `block`. */
  readonly from: readonly [number, number, number, number]
  /** A level ends below this part of the score from which it is wanted. */
  readonly endsBelow: number
  /** A level lasts at least so long, and each step down as well. */
  readonly dwellSeconds: number
}

/** What the evidence amounts to. */
export interface EvidenceSum {
  /** 0 to 100. */
  readonly score: number
  /** Kinds of signals that count; several of one kind are one signal. */
  readonly families: number
  /** Whether one of them is proof. */
  readonly isProven: boolean
}

/**
 * The next level of an agent. Up at once, but on one signal alone never beyond `throttle`, unless it is proof; down a step at a
 * time, once the score is well below.
 */
export function nextRank(rank: number, secondsAtRank: number, sum: EvidenceSum, rule: LevelRule): number {
  const wanted = Math.min(wantedRank(sum.score, rule), sum.isProven || sum.families > 1 ? RISK_LEVELS.length - 1 : 1)
  if (wanted > rank) return wanted
  if (wanted === rank || secondsAtRank < rule.dwellSeconds) return rank
  const end = (rule.from[rank - 1] ?? 0) * rule.endsBelow
  // What was raised by several signals does not end because all but one of them faded: the score decides.
  return sum.score < end ? rank - 1 : rank
}

function wantedRank(score: number, { from }: LevelRule): number {
  let rank = 0
  while (rank < from.length && score >= (from[rank] as number)) rank++
  return rank
}
