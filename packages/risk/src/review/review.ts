import { Misconfigured } from '@countermark/core'
import { requireObject, requireWord } from '@countermark/core/internal'
import { RISK_LEVELS, rankOf } from '../levels/levels.ts'
import { SIGNAL_NAMES } from '../score/weights.ts'
import { CELL, RATES } from '../sketch/layout.ts'
import { acceptRate } from '../sketch/rate.ts'
import type { Review } from './decision.ts'

const HOLD_SECONDS = 3600
const HIGHEST = RISK_LEVELS.length - 1

/** Takes a reviewer's decision into the cells of an agent. The level follows when it is settled next. */
export function applyReview(cells: Float64Array, review: Review, atSeconds: number): void {
  if (review.action === 'clear') {
    clear(cells, atSeconds)
    return
  }
  if (review.action === 'expect') {
    cells[CELL.expectUntil] = atSeconds + review.forSeconds
    cells[CELL.expectFactor] = review.factor
    return
  }
  const rank = rankOf(review.level)
  cells[CELL.floor] = review.action === 'lower' ? 0 : rank
  cells[CELL.ceiling] = review.action === 'raise' ? HIGHEST : rank
  cells[CELL.heldUntil] = atSeconds + (review.forSeconds ?? HOLD_SECONDS)
}

/** Keeps the level between the two that a reviewer set, for as long as that holds. */
export function holdLevel(cells: Float64Array, atSeconds: number): void {
  const heldUntil = cells[CELL.heldUntil] as number
  if (heldUntil === 0) return
  if (atSeconds >= heldUntil) {
    release(cells)
    return
  }
  const rank = cells[CELL.rank] as number
  const held = Math.min(cells[CELL.ceiling] as number, Math.max(cells[CELL.floor] as number, rank))
  if (held === rank) return
  cells[CELL.rank] = held
  cells[CELL.rankAt] = atSeconds
}

function clear(cells: Float64Array, atSeconds: number): void {
  cells.fill(0, CELL.evidence, CELL.evidence + SIGNAL_NAMES.length)
  cells[CELL.hasEvidence] = 0
  cells[CELL.rank] = 0
  cells[CELL.rankAt] = atSeconds
  cells[CELL.wouldRank] = 0
  cells[CELL.wouldRankAt] = atSeconds
  cells[CELL.nextTurnAt] = 0
  cells[CELL.walkRun] = 0
  cells[CELL.networkReturns] = 0
  cells[CELL.refusedNow] = cells[CELL.refusedUsual] as number
  for (const rate of RATES) acceptRate(cells, CELL[rate], atSeconds)
  release(cells)
}

function release(cells: Float64Array): void {
  cells[CELL.heldUntil] = 0
  cells[CELL.floor] = 0
  cells[CELL.ceiling] = HIGHEST
}

/**
 * Reads a reviewer's decision, which may come over HTTP.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function requireReview(review: Review): Review {
  requireObject('review', review, ['action', 'by', 'why', 'level', 'forSeconds', 'factor'])
  requireWord('review.action', review.action, ['raise', 'lower', 'clear', 'freeze', 'expect'])
  for (const member of ['by', 'why'] as const) {
    if (typeof review[member] !== 'string' || review[member] === '') throw invalid(`review.${member} must be stated`)
  }
  if (review.action === 'clear') return review
  const { forSeconds = HOLD_SECONDS } = review
  if (!(forSeconds > 0 && forSeconds <= 31_536_000)) throw invalid('review.forSeconds must be from 1 to 31536000')
  if (review.action !== 'expect') requireWord('review.level', review.level, RISK_LEVELS)
  else if (!(review.factor > 1 && review.factor <= 1000)) throw invalid('review.factor must be above 1, up to 1000')
  return review
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
