import type { TrafficEvent } from './events.ts'
import { FIRST_MODEL, SECOND_MODEL, type TrafficModel } from './models.ts'
import { type Run, runWorld, shareAt, thresholdFor } from './recall.ts'

/** Over several seeds. */
export interface Spread {
  readonly mean: number
  readonly worst: number
}

/** How one class is found at one threshold, over all seeds. */
export interface KindFigures {
  readonly kind: string
  readonly isFast: boolean
  readonly attacks: number
  readonly found: Spread
  readonly medianRequests: number | undefined
}

/** One threshold, on one model of traffic. */
export interface Operation {
  readonly threshold: number
  readonly falseShare: Spread
  readonly falseShareOfLog: number
  readonly kinds: readonly KindFigures[]
}

/** What one model showed. */
export interface ModelFigures {
  readonly model: TrafficModel['name']
  readonly benignRequests: number
  readonly refusedShare: Spread
  /** At thresholds with 0.1 % and 1 % false throttles on the first model, and as the check answers by default. */
  readonly strict: Operation
  readonly loose: Operation
  readonly byDefault: Operation
}

/** How much is made. */
export interface Effort {
  readonly seeds: readonly number[]
  readonly agents: number
  readonly days: number
  readonly logged: readonly TrafficEvent[]
  /** The first one's traffic decides the thresholds. @default both */
  readonly models?: readonly TrafficModel[]
}

const DEFAULT_THRESHOLD = 30

/** Both models, with the thresholds of the first one. */
export function measureRecall(effort: Effort): ModelFigures[] {
  const { models = [FIRST_MODEL, SECOND_MODEL] } = effort
  const runs = models.map((model) => ({ model, runs: runAll(model, effort) }))
  const tuned = runs[0]?.runs ?? []
  const thresholds = { strict: thresholdFor(0.001, tuned), loose: thresholdFor(0.01, tuned) }
  return runs.map(({ model, runs }) => ({
    model: model.name,
    benignRequests: runs.reduce((sum, { benignRequests }) => sum + benignRequests, 0),
    refusedShare: spreadOf(
      runs.map(({ refusedShare }) => refusedShare),
      Math.max,
    ),
    strict: operate(thresholds.strict, runs),
    loose: operate(thresholds.loose, runs),
    byDefault: operate(DEFAULT_THRESHOLD, runs),
  }))
}

function runAll(model: TrafficModel, { seeds, agents, days, logged }: Effort): Run[] {
  return seeds.map((seed) => runWorld(model.create(seed, agents, days), logged))
}

function operate(threshold: number, runs: readonly Run[]): Operation {
  const recalls = runs.map(({ recallAt }) => recallAt(threshold))
  const kinds = (recalls[0] ?? []).map(({ kind, isFast }, at) => {
    const own = recalls.flatMap((each) => each[at] ?? [])
    const medians = own.flatMap(({ medianRequests }) => medianRequests ?? []).sort((a, b) => a - b)
    return {
      kind,
      isFast,
      attacks: own.reduce((sum, { attacks }) => sum + attacks, 0),
      found: spreadOf(
        own.map(({ found }) => found),
        Math.min,
      ),
      medianRequests: medians[Math.floor((medians.length - 1) / 2)],
    }
  })
  return {
    threshold,
    falseShare: spreadOf(
      runs.map(({ scores }) => shareAt(threshold, scores)),
      Math.max,
    ),
    falseShareOfLog: Math.max(...runs.map(({ scoresOfLog }) => shareAt(threshold, scoresOfLog))),
    kinds,
  }
}

function spreadOf(values: readonly number[], worst: (...values: number[]) => number): Spread {
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, worst: worst(...values) }
}
