import type { MetricRow } from '@countermark/core'
import type { LabelValues } from '@countermark/core/internal'
import type { Labels } from './series.ts'

/** What every value becomes that a label does not have. */
export const OTHER = 'other'

/** The labels of one metric. Their values grow by what packages describe, and where they leave it open up to a bound. */
export interface BoundedLabels {
  /** Every label of the metric with its value, or `other`. */
  readonly admit: (labels: Labels) => Labels
  readonly describe: (labels: MetricRow['labels']) => void
}

/** Creates labels of these names without a value. */
export function createBoundedLabels(names: readonly string[]): BoundedLabels {
  const bounds = names.map((name) => ({ name, values: createBoundedValues() }))
  return {
    admit: (labels) => Object.fromEntries(bounds.map(({ name, values }) => [name, values.admit(labels[name] ?? '')])),
    describe: (labels) => {
      for (const { name, values } of bounds) values.describe(labels[name] ?? [])
    },
  }
}

interface BoundedValues {
  readonly admit: (value: string) => string
  readonly describe: (values: LabelValues) => void
}

function createBoundedValues(): BoundedValues {
  const known = new Set<string>()
  let open = 0
  return {
    admit: (value) => {
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

/** Listed values multiply; more series than this are not shown before they count something. */
const MAX_AT_ZERO = 256

/** Every combination of listed values; none when a label is open, or when there are too many. */
export function combineListed(labels: MetricRow['labels']): readonly Labels[] {
  let combinations: readonly Labels[] = [{}]
  for (const [name, values] of Object.entries(labels)) {
    if ('atMost' in values || combinations.length * values.length > MAX_AT_ZERO) return []
    combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [name]: value })))
  }
  return combinations
}
