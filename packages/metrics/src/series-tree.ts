import type { Series } from './series.ts'

/** The series of a metric, found value by value: no key is put together and hashed for each measurement. */
export interface SeriesTree {
  /** The series of these values, in the order of the labels. */
  readonly find: (values: readonly string[]) => Series | undefined
  /** The same by name; a label that is not there is empty. */
  readonly findOf: (labels: Readonly<Record<string, string>>) => Series | undefined
  readonly add: (values: readonly string[], series: Series) => void
  /** In the order in which they were added. */
  readonly all: readonly Series[]
}

interface Branch {
  readonly below: Map<string, Branch>
  series: Series | undefined
}

/** Creates an empty tree for labels of these names. */
export function createSeriesTree(labelNames: readonly string[]): SeriesTree {
  const root = createBranch()
  const all: Series[] = []
  return {
    all,
    find: (values) => {
      let branch: Branch | undefined = root
      for (let index = 0; index < labelNames.length && branch !== undefined; index++) {
        branch = branch.below.get(values[index] ?? '')
      }
      return branch?.series
    },
    findOf: (labels) => {
      let branch: Branch | undefined = root
      for (let index = 0; index < labelNames.length && branch !== undefined; index++) {
        branch = branch.below.get(labels[labelNames[index] ?? ''] ?? '')
      }
      return branch?.series
    },
    add: (values, series) => {
      let branch = root
      for (const value of values) {
        const next = branch.below.get(value) ?? createBranch()
        branch.below.set(value, next)
        branch = next
      }
      branch.series = series
      all.push(series)
    },
  }
}

function createBranch(): Branch {
  return { below: new Map(), series: undefined }
}
