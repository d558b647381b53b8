import type { Unpacked } from './blocks.ts'
import { CELL, EXACT_AT } from './layout.ts'

/** By more than this an honest clock is not set back. Seconds. */
const TOLERANCE_SECONDS = 60
const HASHES: ReadonlySet<number> = new Set([
  CELL.lastRoute,
  CELL.lastResource,
  CELL.walkStart,
  CELL.newNetwork,
  CELL.prefix,
  CELL.network,
  CELL.networkKey,
  CELL.networkBefore,
])
/** Moments that belong to the past: none of them may be later than now. */
const PAST_AT: readonly number[] = EXACT_AT.filter(
  (at) => !HASHES.has(at) && at !== CELL.heldUntil && at !== CELL.expectUntil && at !== CELL.nextTurnAt,
)

/** Begins the numbers of an agent that was not known before. */
export function beginCells({ cells, words }: Unpacked, atSeconds: number): void {
  cells.fill(0)
  words.fill(0)
  const now = Number.isFinite(atSeconds) ? atSeconds : 0
  for (const cell of ['firstAt', 'lastAt', 'evidenceAt', 'rankAt', 'wouldRankAt'] as const) cells[CELL[cell]] = now
  cells[CELL.ceiling] = 4
}

/**
 * The time to go on with: what is no time is the latest one that was known. After a clock was set back by a minute or more,
 * nothing lies in the future, where it would neither fade nor end.
 */
export function healClock(cells: Float64Array, atSeconds: number): number {
  const lastAt = cells[CELL.lastAt] as number
  if (!Number.isFinite(atSeconds)) return lastAt
  if (atSeconds >= lastAt - TOLERANCE_SECONDS) return atSeconds
  for (const at of PAST_AT) cells[at] = Math.min(cells[at] as number, atSeconds)
  cells[CELL.nextTurnAt] = 0
  return atSeconds
}
