import type { BackoffRules } from './backoff.ts'
import { requireBetween, requireOptions } from './option-checks.ts'

/** When cached answers age. Milliseconds of the monotonic clock. */
export interface RefreshTimes {
  /** Age from which an answer is renewed in the background while it is still given. @default 300_000 */
  readonly refreshAfterMs?: number
  /** Age from which callers wait for a renewal, unless renewals are failing. @default 3_600_000 */
  readonly maxAgeMs?: number
  /** Age up to which an answer is given while renewals fail; at least `maxAgeMs`. @default 86_400_000 */
  readonly staleIfErrorMs?: number
  /** Shortest time between two renewals that callers from one place force because they miss something. @default 30_000 */
  readonly recheckAfterMs?: number
  /** How long the absence of something is remembered. @default 60_000 */
  readonly absentMs?: number
  /** Lookups each minute that may come to nothing, in all. @default 3_000 */
  readonly unknownPerMinute?: number
  /** The same for callers from one place, at most `unknownPerMinute`. @default 2_400 */
  readonly unknownPerMinutePerSource?: number
  /** Most answers kept. @default 10_000 */
  readonly maxEntries?: number
  /** Randomness for jitter. @default Math.random */
  readonly random?: () => number
}

/** Checked times with their defaults. */
export interface RefreshRules {
  readonly refreshAfterMs: number
  readonly maxAgeMs: number
  readonly staleIfErrorMs: number
  readonly recheckAfterMs: number
  readonly absentMs: number
  readonly unknownPerMinute: number
  readonly unknownPerMinutePerSource: number
  readonly maxEntries: number
  readonly random: () => number
  readonly backoff: BackoffRules
}

/** Names of {@link RefreshTimes}, for packages whose options include them. */
export const REFRESH_TIMES: readonly (keyof RefreshTimes)[] = [
  ...(['refreshAfterMs', 'maxAgeMs', 'staleIfErrorMs', 'recheckAfterMs', 'absentMs'] as const),
  ...(['unknownPerMinute', 'unknownPerMinutePerSource', 'maxEntries', 'random'] as const),
]

/** Nobody may ask us to come more often than this, whatever max-age says. */
export const SHORTEST_FRESH_MS = 30_000

const YEAR_MS = 31_536_000_000

/**
 * Checks the times of a cache.
 * @throws TypeError
 */
export function readRefreshRules(times: RefreshTimes): RefreshRules {
  requireOptions('times', times, REFRESH_TIMES)
  const { random = Math.random } = times
  const refreshAfterMs = requireBetween('refreshAfterMs', times.refreshAfterMs ?? 300_000, 1, YEAR_MS)
  const maxAgeMs = requireBetween('maxAgeMs', times.maxAgeMs ?? 3_600_000, refreshAfterMs, YEAR_MS)
  const staleIfErrorMs = requireBetween('staleIfErrorMs', times.staleIfErrorMs ?? 86_400_000, 0, YEAR_MS)
  const unknownPerMinute = requireBetween('unknownPerMinute', times.unknownPerMinute ?? 3_000, 1, 1_000_000)
  const perSource = requireBetween('unknownPerMinutePerSource', times.unknownPerMinutePerSource ?? 2_400, 1, 1_000_000)
  return {
    refreshAfterMs,
    maxAgeMs,
    staleIfErrorMs: Math.max(staleIfErrorMs, maxAgeMs),
    recheckAfterMs: requireBetween('recheckAfterMs', times.recheckAfterMs ?? 30_000, 0, YEAR_MS),
    absentMs: requireBetween('absentMs', times.absentMs ?? 60_000, 0, 300_000),
    unknownPerMinute,
    unknownPerMinutePerSource: Math.min(perSource, unknownPerMinute),
    maxEntries: requireBetween('maxEntries', times.maxEntries ?? 10_000, 1, 10_000_000),
    random,
    // 1, 4, 16, then 60 s: at most four tries in the first minute of an outage, and a short one is over soon.
    backoff: { firstMs: 1_000, factor: 4, longestMs: 60_000, random },
  }
}
