import type { Clock } from '@countermark/core'
import { type Measurement, systemClock } from '@countermark/core/internal'
import { METRICS } from './metric-rows.ts'
import type { ReviewAct } from './review/decision.ts'
import type { LevelChange } from './risk-store.ts'
import type { SignalName } from './score/weights.ts'

type Listener = (change: LevelChange) => void
type ReviewListener = (act: ReviewAct) => void
type Report = (measurement: Measurement) => void

/** Where what a store finds out goes: to metrics, and to those who listen. */
export interface Hub {
  readonly changed: Listener
  readonly reviewed: ReviewListener
  readonly listenToReviews: (listener: ReviewListener) => () => void
  readonly signalled: (signal: SignalName) => void
  readonly listen: (listener: Listener) => () => void
  /** The clock and the metrics of the guard that the check stands in. */
  readonly useClock: (clock: Clock) => void
  readonly useReport: (report: Report) => void
  readonly nowMs: () => number
}

/** Makes the place where changes and signals meet those who want to hear of them. */
export function createHub(first: Listener | undefined): Hub {
  const listeners = new Set<Listener>(first === undefined ? [] : [first])
  const reviewListeners = new Set<ReviewListener>()
  let clock: Clock = systemClock
  let report: Report = () => undefined
  return {
    changed: (change) => {
      const { from, to, by } = change
      const labels = { from, to, by: by === 'signals' ? by : 'reviewer' } as const
      report(METRICS.measure('risk_level_changes_total', 1, labels))
      for (const listener of listeners) tell(listener, change)
    },
    reviewed: (act) => {
      report(METRICS.measure('risk_reviews_total', 1, { action: act.review.action }))
      for (const listener of reviewListeners) tell(listener, act)
    },
    listenToReviews: (listener) => {
      reviewListeners.add(listener)
      return () => void reviewListeners.delete(listener)
    },
    signalled: (signal) => report(METRICS.measure('risk_signals_total', 1, { signal })),
    listen: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    useClock: (given) => {
      clock = given
    },
    useReport: (given) => {
      report = given
    },
    nowMs: () => clock.wallMs(),
  }
}

/** A listener that fails must neither refuse a request nor keep the change from the others. */
function tell<Told>(listener: (told: Told) => void, told: Told): void {
  try {
    listener(told)
  } catch (error) {
    process.emitWarning(`a listener to changes of risk failed: ${error instanceof Error ? error.message : 'no error'}`)
  }
}
