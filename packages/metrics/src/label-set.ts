import type { LabelValues } from '@countermark/core/internal'

/** What every value becomes that a label does not have. */
export const OTHER = 'other'

/** The values of one label. It grows by what packages describe, and where they leave it open up to a bound. */
export interface LabelSet {
  /** The value, or `other`. */
  readonly admit: (value: string | undefined) => string
  readonly describe: (values: LabelValues) => void
}

/** Creates the set of one label. */
export function createLabelSet(): LabelSet {
  const known = new Set<string>()
  let open = 0
  return {
    admit: (value = '') => {
      if (known.has(value)) return value
      if (open === 0) return OTHER
      open -= 1
      known.add(value)
      return value
    },
    describe: (values) => {
      if ('atMost' in values) open = Math.max(open, values.atMost - known.size)
      else for (const value of values) known.add(value)
    },
  }
}
