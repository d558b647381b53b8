import { createVelocity } from '../../../packages/risk/src/signals/velocity.ts'
import { bestThreshold, type NabScore, rowsOf, scoreAt } from './score.ts'
import type { Series } from './series.ts'

/** The velocity detector on labelled series. */
export interface VelocityFigures {
  readonly series: number
  /** At the detector's own alarm, 1. */
  readonly own: NabScore
  /** At the one threshold that suits these series best, as the benchmark lets every detector choose. */
  readonly best: NabScore
  /** Each series at the threshold that suits all others best. */
  readonly leftOut: number
}

/** Runs a detector of its own over each series. */
export function measureVelocity(all: readonly Series[]): VelocityFigures {
  const rows = all.map(({ times, values, windows }) => {
    const velocity = createVelocity()
    return rowsOf({ times, scores: values.map((value, at) => velocity.observe(value, times[at] ?? 0)), windows })
  })
  const counts = all.map(({ windows }) => windows.length)
  const without = <Item>(items: readonly Item[], place: number): Item[] => items.filter((_, at) => at !== place)
  const raw = rows.map((one, at) => {
    const { threshold } = bestThreshold(without(rows, at), without(counts, at))
    return scoreAt(threshold, [one], [counts[at] ?? 0]).raw
  })
  const windows = counts.reduce((sum, count) => sum + count, 0)
  return {
    series: all.length,
    own: scoreAt(1, rows, counts),
    best: bestThreshold(rows, counts),
    leftOut: (100 * raw.reduce((sum, each) => sum + each, 0)) / (2 * windows),
  }
}
