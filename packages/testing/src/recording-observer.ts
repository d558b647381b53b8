import type { Decision, Measurement, Observer, Outcome, Recorder } from '@countermark/core'

/** Everything an observer was told, in order. */
export interface RecordingObserver extends Required<Pick<Observer, 'decided' | 'finished' | 'measured'>> {
  readonly decisions: readonly Decision[]
  readonly outcomes: readonly Outcome[]
  readonly measurements: readonly Measurement[]
  /** The sum of a counter over all measurements that carry these labels. */
  readonly total: (name: string, labels?: Readonly<Record<string, string>>) => number
  readonly clear: () => void
}

/** Creates an observer that remembers. */
export function createRecordingObserver(): RecordingObserver {
  const decisions: Decision[] = []
  const outcomes: Outcome[] = []
  const measurements: Measurement[] = []
  return {
    decisions,
    outcomes,
    measurements,
    decided: (decision) => void decisions.push(decision),
    finished: (_decision, outcome) => void outcomes.push(outcome),
    measured: (measurement) => void measurements.push(measurement),
    total: (name, labels = {}) =>
      measurements
        .filter((measurement) => measurement.name === name && carries(measurement, labels))
        .reduce((sum, { value }) => sum + value, 0),
    clear: () => {
      for (const list of [decisions, outcomes, measurements]) list.length = 0
    },
  }
}

/** Everything a recorder was given, and a switch to make it fail. */
export interface RecordingRecorder extends Required<Pick<Recorder, 'record' | 'finish'>> {
  readonly decisions: readonly Decision[]
  readonly outcomes: readonly Outcome[]
  /** Refuses to record with this error, until called with `undefined`. */
  readonly failWith: (error: Error | undefined) => void
}

/** Creates a recorder that remembers. */
export function createRecordingRecorder(): RecordingRecorder {
  const decisions: Decision[] = []
  const outcomes: Outcome[] = []
  let failure: Error | undefined
  return {
    decisions,
    outcomes,
    record: async (decision) => {
      if (failure !== undefined) throw failure
      decisions.push(decision)
    },
    finish: (_decision, outcome) => void outcomes.push(outcome),
    failWith: (error) => {
      failure = error
    },
  }
}

function carries(measurement: Measurement, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([name, value]) => measurement.labels?.[name] === value)
}
