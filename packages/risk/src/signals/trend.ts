import type { Blocks } from '../sketch/blocks.ts'
import { CELL } from '../sketch/layout.ts'
import { figured, type Moment, plain } from './signal.ts'
import { createVelocity, VELOCITY_CELLS } from './velocity.ts'

const HOUR = 3600
/** Quiet hours behind the last request that are still looked at, one by one. */
const MOST_QUIET_HOURS = 96
/** The detector alarms at 1; from three times as much on an alarm counts in full. */
const FULL_ALARM = 3

/** Compares whole hours with those before, by the detector of velocity. */
export interface Trend {
  /** Counts a request; at the end of an hour says how unusual its count was, from 0 to 1, and leaves its figures in the moment. */
  readonly count: (place: number, moment: Moment) => number
  /** Begins anew, for another agent at this place. */
  readonly forget: (place: number) => void
}

/** Makes the one that looks at all agents: the detector's numbers are unpacked only when an hour ends. */
export function createTrend({ loadTrend, saveTrend }: Pick<Blocks, 'loadTrend' | 'saveTrend'>): Trend {
  const cells = new Float64Array(VELOCITY_CELLS)
  const velocity = createVelocity(cells)
  return {
    count: (place, moment) => {
      const { cells: own, atSeconds } = moment
      const hour = Math.floor(atSeconds / HOUR)
      const before = own[CELL.period] as number
      if (hour === before) {
        own[CELL.periodCount] = (own[CELL.periodCount] as number) + 1
        return 0
      }
      const ended = own[CELL.periodCount] as number
      own[CELL.period] = hour
      own[CELL.periodCount] = 1
      if (before === 0 || hour < before || !moment.isLearning) return 0
      loadTrend(place, cells)
      const score = velocity.observe(ended, before * HOUR)
      const { seen, high } = velocity.latest()
      for (let quiet = Math.max(before + 1, hour - MOST_QUIET_HOURS); quiet < hour; quiet++)
        velocity.observe(0, quiet * HOUR)
      saveTrend(place, cells)
      // An agent that does less than ever is no risk.
      return score < 1 || seen <= high ? 0 : figured(moment, Math.min(1, score / FULL_ALARM), ended, high)
    },
    forget: (place) => {
      cells.fill(0)
      saveTrend(place, cells)
    },
  }
}

/** How it says what it saw. */
export function trendSentence(seen: number, compared: number): string {
  return `${plain(seen)} requests in an hour, which is new in its rhythm of hours and days (${plain(compared)})`
}
