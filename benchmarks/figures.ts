import type { Measure } from './aims.ts'
import type { Measured } from './load.ts'
import { FIXED_UNIT, UNIT, type Variant } from './variants.ts'

/** Medians of one variant over all rounds. */
export interface Figures extends Readonly<Record<Measure, number>> {
  readonly cpuMicros: number
  readonly addedMicros: number
  /** Half of all rounds lie in between. */
  readonly unitsQuartiles: readonly [lower: number, upper: number]
  /** Units beyond what the control costs, which gets the same requests and ignores what they carry. */
  readonly ownUnits: number
  /** What the verification of one message, again and again, costs of the unit. */
  readonly fixedUnit: number
}

/** What one run measured, by variant; every variant has one result for each round. */
export type Results = ReadonlyMap<string, readonly Measured[]>

/**
 * Compares within each round, where all variants met the same noise, and takes the median of the rounds. The unit itself is
 * the median of all rounds: one bad round of it must not spoil everything.
 */
export function figuresOf({ name, over, control }: Variant, results: Results): Figures {
  const unit = median(differences(UNIT, 'node', results, 'cpuMicros'))
  const fixed = median(differences(FIXED_UNIT, 'node', results, 'cpuMicros'))
  const added = over === undefined ? [] : differences(name, over, results, 'cpuMicros')
  const addedMain = over === undefined ? [] : differences(name, over, results, 'mainThreadMicros')
  const own = control === undefined ? [] : differences(name, control, results, 'cpuMicros')
  const units = added.map((micros) => micros / unit)
  return {
    cpuMicros: median(valuesOf(name, results, 'cpuMicros')),
    addedMicros: median(added),
    units: median(units),
    mainUnits: median(addedMain) / unit,
    unitsQuartiles: [quantile(units, 0.25), quantile(units, 0.75)],
    ownUnits: median(own) / unit,
    share: over === undefined ? Number.NaN : median(ratesOf(name, results)) / median(ratesOf(over, results)),
    fixedUnit: fixed / unit,
  }
}

type Member = 'cpuMicros' | 'mainThreadMicros' | 'perCpuSecond'

function valuesOf(name: string, results: Results, member: Member): readonly number[] {
  return (results.get(name) ?? []).map((measured) => measured[member])
}

function ratesOf(name: string, results: Results): readonly number[] {
  return valuesOf(name, results, 'perCpuSecond')
}

function differences(name: string, from: string, results: Results, member: Member): readonly number[] {
  const subtracted = valuesOf(from, results, member)
  return valuesOf(name, results, member).map((value, round) => value - (subtracted[round] ?? Number.NaN))
}

/** The middle of some values, or the upper one of two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN
}
