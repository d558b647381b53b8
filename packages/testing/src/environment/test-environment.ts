import type { Clock, Decision, Environment, Observer, Recorder, SignatureVerifier } from '@countermark/core'
import { type Measurement, nodeVerifier, type Outcome } from '@countermark/core/internal'

/** What a test may choose about an environment. */
interface TestEnvironmentOptions {
  /** @default a fake clock */
  readonly clock?: Clock
  /** @default nodeVerifier */
  readonly verifier?: SignatureVerifier
  /** @default false */
  readonly development?: boolean
  /** @default false */
  readonly hidesAgents?: boolean
}

/** An environment whose measurements can be read. */
export interface TestEnvironment extends Environment {
  /** Keeps what it is told. */
  readonly observer: RecordingObserver
}

/** What a check needs when it is called without a guard. */
export function createTestEnvironment(options: TestEnvironmentOptions = {}): TestEnvironment {
  const { clock = createFakeClock(), verifier = nodeVerifier, development = false, hidesAgents = false } = options
  const observer = createRecordingObserver()
  const service = (): string => 'api.example.com'
  return { clock, verifier, development, hidesAgents, service, observer, report: observer.measured }
}

/** A clock that moves when a test says so. */
export interface FakeClock extends Clock {
  /** Unix seconds, as signatures count. */
  readonly seconds: () => number
  /** Lets time pass on both clocks. */
  readonly advance: (ms: number) => void
  /** Sets the wall clock forward or back, as an administrator does; the monotonic clock does not notice. */
  readonly adjustWall: (ms: number) => void
}

/** 2026-01-01T00:00:00Z. */
const DEFAULT_START_MS = 1_767_225_600_000

/** Creates a clock that stands still at a moment, given in Unix milliseconds. */
export function createFakeClock(startMs: number = DEFAULT_START_MS): FakeClock {
  let wallMs = startMs
  let monotonicMs = 0
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    seconds: () => Math.floor(wallMs / 1000),
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError('time does not run backwards; adjustWall sets the wall clock back')
      wallMs += ms
      monotonicMs += ms
    },
    adjustWall: (ms) => {
      wallMs += ms
    },
  }
}

/** Everything an observer was told, in order. */
export interface RecordingObserver extends Required<Pick<Observer, 'decided' | 'finished' | 'measured'>> {
  /** Decisions so far. */
  readonly decisions: readonly Decision[]
  /** What became of them. */
  readonly outcomes: readonly Outcome[]
  /** What parts of the guard measured. */
  readonly measurements: readonly Measurement[]
  /** The sum of a counter over all measurements that carry these labels. */
  readonly total: (name: string, labels?: Readonly<Record<string, string>>) => number
  /** Forgets everything. */
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
interface RecordingRecorder extends Required<Pick<Recorder, 'record' | 'finish'>> {
  /** Decisions that were recorded. */
  readonly decisions: readonly Decision[]
  /** What became of them. */
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
