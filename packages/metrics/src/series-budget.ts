/** How many series there may be in all. */
export interface SeriesBudget {
  /** Takes room for so many lines, unless there is too little. */
  readonly take: (lines: number) => boolean
  /** How often there was too little. */
  readonly refused: () => number
}

/** Creates a budget. */
export function createSeriesBudget(maxSeries: number): SeriesBudget {
  let left = maxSeries
  let refused = 0
  return {
    take: (lines) => {
      if (lines > left) {
        refused += 1
        return false
      }
      left -= lines
      return true
    },
    refused: () => refused,
  }
}
