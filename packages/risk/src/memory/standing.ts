import type { Assessment, Standing } from '../assessment.ts'
import { type EvidenceSum, levelAt, nextRank } from '../levels/levels.ts'
import type { RiskRules } from '../policy/policy.ts'
import { holdLevel } from '../review/review.ts'
import { countingSignals, sumEvidence } from '../score/score.ts'
import { SIGNAL_NAMES, type SignalName } from '../score/weights.ts'
import { SENTENCES } from '../signals/signals.ts'
import { CELL } from '../sketch/layout.ts'

/** Whether nothing counts against an agent, and no person has decided of it. */
export function isCalm(cells: Float64Array): boolean {
  return (
    cells[CELL.hasEvidence] === 0 &&
    cells[CELL.rank] === 0 &&
    cells[CELL.wouldRank] === 0 &&
    cells[CELL.heldUntil] === 0
  )
}

/** Moves the levels of an agent by what counts against it. Returns the score. */
export function moveLevels(cells: Float64Array, atSeconds: number, rules: RiskRules): number {
  const all = sumEvidence(cells, true)
  moveRank(cells, CELL.wouldRank, CELL.wouldRankAt, all, atSeconds, rules)
  const counting = rules.isBaselineEnforced ? all : sumEvidence(cells, false)
  moveRank(cells, CELL.rank, CELL.rankAt, counting, atSeconds, rules)
  holdLevel(cells, atSeconds)
  return Math.round(all.score)
}

/** What is said of an agent: one object for as long as it is the same. */
export function say(cells: Float64Array, score: number, before: Assessment): Assessment {
  const [level, wouldBe] = [levelAt(cells[CELL.rank] as number), levelAt(cells[CELL.wouldRank] as number)]
  if (before.score === score && before.level === level && before.wouldBe === wouldBe) return before
  const reasons = countingSignals(cells).map((index) => sentenceAt(cells, index))
  return Object.freeze({ score, level, wouldBe, reasons: Object.freeze(reasons) })
}

/** Where an agent stands, with its evidence. */
export function standingOf(agentId: string, cells: Float64Array, assessment: Assessment, atSeconds: number): Standing {
  const held = cells[CELL.heldUntil] as number
  const evidence = countingSignals(cells).map((index) => ({
    signal: SIGNAL_NAMES[index] as SignalName,
    points: cells[CELL.evidence + index] as number,
    sentence: sentenceAt(cells, index),
  }))
  const sinceMs = (cells[CELL.rankAt] as number) * 1000
  return { ...assessment, agentId, sinceMs, heldUntilMs: held > atSeconds ? held * 1000 : undefined, evidence }
}

/** Moves a level by the evidence, and notes since when. */
function moveRank(
  cells: Float64Array,
  cell: number,
  since: number,
  sum: EvidenceSum,
  atSeconds: number,
  rules: RiskRules,
): void {
  const rank = cells[cell] as number
  const next = nextRank(rank, atSeconds - (cells[since] as number), sum, rules.levels)
  if (next === rank) return
  cells[cell] = next
  cells[since] = atSeconds
}

function sentenceAt(cells: Float64Array, index: number): string {
  const [seen, compared] = [cells[CELL.figures + 2 * index], cells[CELL.figures + 2 * index + 1]]
  return SENTENCES[index]?.(seen as number, compared as number) ?? ''
}
