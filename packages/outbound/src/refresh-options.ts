import { requireNumber } from '@countermark/core'
import { callback, custom, number, optionTable } from '@countermark/core/internal'
import type { BackoffRules } from './outage.ts'

/** What the caller brings: time, and whatever the hooks of its cache want to see. */
export interface CacheContext {
  readonly clock: { readonly wallMs: () => number; readonly monotonicMs: () => number }
}

/** What happened in a cache. A closed set, fit for a metric label. */
export type CacheEvent =
  | 'hit'
  | 'stale'
  | 'miss'
  | 'absent'
  | 'failing'
  | 'over_budget'
  | 'loaded'
  | 'not_found'
  | 'load_failed'
  | 'second_level_hit'
  | 'second_level_miss'
  | 'second_level_failed'

/** On whose behalf the cache is asked. */
export interface Asker {
  readonly remoteAddress: string | undefined
}

/** A question to the origin. */
export interface LoadRequest<Value, Context> {
  readonly key: string
  /** The answer in the cache, unless it is past all use. */
  readonly previous: Value | undefined
  readonly context: Context
  /** Fires when the cache is closed. */
  readonly signal: AbortSignal
}

/** An answer of the origin. */
export interface Loaded<Value> {
  readonly value: Value
  /** The document for the second level; without it none is written, and one that stands there is forgotten. */
  readonly text?: string | undefined
  /** How long the origin calls it fresh. Shortens `refreshAfterMs`, down to 30 s; never lengthens it. */
  readonly freshForSeconds?: number | undefined
  /** Whether it says something new: a forced renewal that does is not held against the budget. */
  readonly isNews?: boolean
}

/** A cache that processes share, such as Redis. It may forget or fail at any time; what it says is checked like an answer. */
export interface SecondLevel {
  /** The text under a key, if there is one. */
  readonly get: (key: string) => Promise<string | undefined>
  /** Keeps a text for so long. Milliseconds. */
  readonly set: (key: string, value: string, ttlMs: number) => Promise<void>
  /** Forgets every document that was shared: for tests. */
  readonly clear?: () => Promise<void>
}

/** What a cache needs to know about its origin. */
export interface RefreshCacheOptions<Value extends object, Context extends CacheContext> {
  /** Asks the origin; ends by a deadline of its own. `undefined`: there is no such thing. Rejects when it cannot tell. */
  readonly load: (request: LoadRequest<Value, Context>) => Promise<Loaded<Value> | undefined>
  /** When answers age. @default renewed after 5 minutes, used for an hour, and for a day while renewals fail */
  readonly times?: RefreshTimes
  /** A cache shared with other processes. `revive` makes a value from a document that came from there, or throws. @default none */
  readonly secondLevel?: {
    readonly store: SecondLevel
    /** Sets apart what different sources call by the same key. */
    readonly namespace: string
    readonly revive: (text: string, request: LoadRequest<Value, Context>) => Value
  }
  /** Sees everything that happens; must not throw. @default nothing */
  readonly observe?: (event: CacheEvent, context: Context, error?: unknown) => void
  /** What look-ups that come to nothing are counted by. @default the address itself */
  readonly sourceOf?: (address: string | undefined) => string
}

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
export interface RefreshRules extends Required<RefreshTimes> {
  readonly backoff: BackoffRules
}

const YEAR_MS = 31_536_000_000

const TIMES = optionTable('times', {
  refreshAfterMs: number({ min: 1, max: YEAR_MS, default: 300_000 }),
  maxAgeMs: number({ min: 1, max: YEAR_MS, default: 3_600_000 }),
  staleIfErrorMs: number({ min: 0, max: YEAR_MS, default: 86_400_000 }),
  recheckAfterMs: number({ min: 0, max: YEAR_MS, default: 30_000 }),
  absentMs: number({ min: 0, max: 300_000, default: 60_000 }),
  unknownPerMinute: number({ min: 1, max: 1_000_000, default: 3_000 }),
  unknownPerMinutePerSource: number({ min: 1, max: 1_000_000, default: 2_400 }),
  maxEntries: number({ min: 1, max: 10_000_000, default: 10_000 }),
  random: callback<() => number>(),
})

/** Names of {@link RefreshTimes}, for packages whose options include them. */
export const REFRESH_TIMES: readonly string[] = TIMES.names

/** What a cache is told of its origin stays as it is given; only the times have defaults. */
const OPTIONS = optionTable('RefreshCache', {
  load: custom((_, given) => given),
  times: custom((_, given = {}) => readRefreshRules(given as RefreshTimes)),
  secondLevel: custom((_, given) => given),
  observe: callback(),
  sourceOf: callback(),
})

/**
 * Checks the options of a cache, and answers with its times.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`
 */
export function readCacheOptions<Value extends object, Context extends CacheContext>(
  options: RefreshCacheOptions<Value, Context>,
): RefreshRules {
  return OPTIONS.read(options).times
}

function readRefreshRules(times: RefreshTimes): RefreshRules {
  const { random = Math.random, ...read } = TIMES.read(times)
  const maxAgeMs = requireNumber('maxAgeMs', read.maxAgeMs, { min: read.refreshAfterMs, max: YEAR_MS })
  return {
    ...read,
    random,
    staleIfErrorMs: Math.max(read.staleIfErrorMs, maxAgeMs),
    unknownPerMinutePerSource: Math.min(read.unknownPerMinutePerSource, read.unknownPerMinute),
    // 1, 4, 16, then 60 s: at most four tries in the first minute of an outage, and a short one is over soon.
    backoff: { firstMs: 1_000, factor: 4, longestMs: 60_000, random },
  }
}
