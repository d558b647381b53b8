import type { Environment } from '@countermark/core'
import type { Fetcher } from '@countermark/outbound'
import { backoffMs } from '@countermark/outbound/internal'
import type { KeyDocument } from './key-document.ts'
import type { KeyMeasurements } from './key-measurements.ts'

/** All agents of a registry, fetched in one document. */
export interface Preload {
  /** Starts to fetch when it is time; a promise only before the first document came, or could not be had. Never rejects. */
  readonly ready: (environment: Environment) => Promise<void> | undefined
}

/** What a preload is made of. */
export interface PreloadInput {
  readonly url: string
  readonly fetcher: Fetcher
  readonly refreshAfterMs: number
  readonly random: () => number
  readonly measurements: KeyMeasurements
  /** Prepares to take in what is asked for now. */
  readonly start: (environment: Environment) => (value: unknown) => Promise<KeyDocument>
  /** Ends with the source. */
  readonly signal: AbortSignal
}

/** Comes before each agent's own renewal, which is at most a tenth early. */
const EARLY = 0.85
const BACKOFF = { firstMs: 1_000, factor: 4, longestMs: 60_000 } as const

/** Makes a preload that has not begun: time comes with the first question. */
export function createPreload(input: PreloadInput): Preload {
  const { refreshAfterMs, random } = input
  let nextAtMs = Number.NEGATIVE_INFINITY
  let failures = 0
  let first: Promise<void> | undefined
  let isUnderWay = false
  const run = async (environment: Environment): Promise<void> => {
    isUnderWay = true
    try {
      await fetchAll(input, environment)
      failures = 0
    } catch (error) {
      failures++
      input.measurements.cacheEvent('load_failed', environment, error)
    }
    isUnderWay = false
    const waitMs = failures === 0 ? refreshAfterMs * EARLY : backoffMs(failures, { ...BACKOFF, random })
    nextAtMs = environment.clock.monotonicMs() + waitMs
  }
  return {
    ready: (environment) => {
      if (isUnderWay || input.signal.aborted || environment.clock.monotonicMs() < nextAtMs) return first
      const isFirst = nextAtMs === Number.NEGATIVE_INFINITY
      const running = run(environment)
      if (!isFirst) return undefined
      first = running.then(() => {
        first = undefined
      })
      return first
    },
  }
}

async function fetchAll(
  { url, fetcher, start, measurements, signal }: PreloadInput,
  environment: Environment,
): Promise<void> {
  const takeIn = start(environment)
  const { value } = await fetcher.fetchJson(url, signal)
  const document = await takeIn(value)
  measurements.refusedEntries(document.refused, environment)
  measurements.cacheEvent('loaded', environment)
}
