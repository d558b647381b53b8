import type { Decision, Observer } from '../src/index.ts'
import type { Outcome } from '../src/internal.ts'

/** An observer, and everything it was told. */
export interface Watch {
  readonly observer: Observer
  readonly decisions: Decision[]
  readonly outcomes: Outcome[]
  readonly counted: string[]
}

/** Creates an observer that remembers. */
export function watch(): Watch {
  const decisions: Decision[] = []
  const outcomes: Outcome[] = []
  const counted: string[] = []
  const observer: Observer = {
    decided: (decision) => void decisions.push(decision),
    finished: (_decision, outcome) => void outcomes.push(outcome),
    measured: ({ name }) => void counted.push(name),
  }
  return { observer, decisions, outcomes, counted }
}
