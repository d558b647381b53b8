import type { Clock, Environment, SignatureVerifier } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { createFakeClock } from './fake-clock.ts'
import { createRecordingObserver, type RecordingObserver } from './recording-observer.ts'

/** What a test may choose about an environment. */
export interface TestEnvironmentOptions {
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
  readonly observer: RecordingObserver
}

/** What a check needs when it is called without a guard. */
export function createTestEnvironment(options: TestEnvironmentOptions = {}): TestEnvironment {
  const { clock = createFakeClock(), verifier = nodeVerifier, development = false, hidesAgents = false } = options
  const observer = createRecordingObserver()
  const service = (): string => 'api.example.com'
  return { clock, verifier, development, hidesAgents, service, observer, report: observer.measured }
}
