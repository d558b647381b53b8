import type { EvidenceSum } from '../levels/levels.ts'
import { CELL } from '../sketch/layout.ts'
import { SIGNAL_NAMES, WEIGHT_AT, type Weight } from './weights.ts'

/** Below this a signal neither counts as one of two nor is told as a reason. */
const COUNTS_FROM = 5
/** What repetition may make of one signal: none that weighs 20 alone reaches the first level. */
const MOST = 1.4
const ALL = SIGNAL_NAMES.length
const FAMILIES = [...new Set(WEIGHT_AT.map(({ family }) => family))]
const FAMILY_BIT = WEIGHT_AT.map(({ family }) => 1 << FAMILIES.indexOf(family))

/** Lets evidence fade to a moment. */
export function fadeEvidence(cells: Float64Array, atSeconds: number): void {
  const passed = atSeconds - (cells[CELL.evidenceAt] as number)
  if (!(passed > 0)) return
  cells[CELL.evidenceAt] = atSeconds
  if (cells[CELL.hasEvidence] === 0) return
  let left = 0
  for (let index = 0; index < ALL; index++) {
    const points = cells[CELL.evidence + index] as number
    if (points === 0) continue
    const faded = points * 2 ** (-passed / (WEIGHT_AT[index] as Weight).halfLifeSeconds)
    cells[CELL.evidence + index] = faded < 0.1 ? 0 : faded
    left += faded < 0.1 ? 0 : 1
  }
  cells[CELL.hasEvidence] = left === 0 ? 0 : 1
}

/** Adds evidence of a strength from 0 to 1. Again and again adds an eighth, to one and a half times the weight. */
export function addEvidence(cells: Float64Array, index: number, strength: number): void {
  const { points } = WEIGHT_AT[index] as Weight
  const given = Math.min(1, strength) * points
  const before = cells[CELL.evidence + index] as number
  cells[CELL.evidence + index] = Math.min(points * MOST, before === 0 ? given : Math.max(before, given) + given / 8)
  cells[CELL.hasEvidence] = 1
}

const NOTHING: EvidenceSum = { score: 0, families: 0, isProven: false }

/** What the evidence amounts to; without what compares with the past where the baseline only observes. */
export function sumEvidence(cells: Float64Array, withLearned: boolean): EvidenceSum {
  if (cells[CELL.hasEvidence] === 0) return NOTHING
  let score = 0
  let families = 0
  let isProven = false
  for (let index = 0; index < ALL; index++) {
    const points = cells[CELL.evidence + index] as number
    const weight = WEIGHT_AT[index] as Weight
    if (points === 0 || (!withLearned && weight.isLearned === true)) continue
    score += points
    if (points < COUNTS_FROM) continue
    families |= FAMILY_BIT[index] as number
    if (weight.isProof === true && points >= weight.points / 2) isProven = true
  }
  return { score: Math.min(100, score), families: countBits(families), isProven }
}

/** Places of the signals that count, the weightiest first. */
export function countingSignals(cells: Float64Array): readonly number[] {
  if (cells[CELL.hasEvidence] === 0) return []
  const pointsOf = (index: number): number => cells[CELL.evidence + index] as number
  const counting = SIGNAL_NAMES.map((_, index) => index).filter((index) => pointsOf(index) >= COUNTS_FROM)
  return counting.sort((a, b) => pointsOf(b) - pointsOf(a))
}

function countBits(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
