import { LRUCache } from 'lru-cache'
import { type Budget, createBudget } from './budget.ts'
import { createOutage, type Outage } from './outage.ts'
import type { CacheContext, RefreshCacheOptions } from './refresh-cache.ts'
import { type RefreshRules, readRefreshRules } from './refresh-rules.ts'

/** An answer with what is known about its age. Times are of the monotonic clock. */
export interface Entry<Value> {
  readonly value: Value
  readonly fetchedAtMs: number
  readonly refreshAtMs: number
  readonly expiresAtMs: number
  readonly staleUntilMs: number
  /** When somebody last forced a renewal, whatever came of it. */
  readonly recheckedAtMs: number
  /** Renewals that failed in a row, and when the next may start. */
  readonly failures: number
  readonly retryAtMs: number
  readonly error: unknown
}

/** Something that is not there, or that could not be asked for when `error` is set. */
export interface Absence {
  readonly untilMs: number
  readonly failures: number
  readonly error: unknown
}

/** One request to the origin that everybody shares. */
export interface Flight<Value> {
  readonly promise: Promise<Value | undefined>
  readonly forced: boolean
}

/** All that a refresh cache remembers. Every member is bounded. */
export interface RefreshState<Value extends object, Context extends CacheContext> {
  readonly options: RefreshCacheOptions<Value, Context>
  readonly rules: RefreshRules
  readonly entries: LRUCache<string, Entry<Value>>
  readonly absences: LRUCache<string, Absence>
  readonly flights: Map<string, Flight<Value>>
  readonly unknownBudget: Budget
  readonly recheckBudget: Budget
  readonly outage: Outage
  readonly secondLevelOutage: Outage
  readonly closing: AbortController
}

const MAX_ABSENCES = 128
const MAX_FLIGHTS = 64

/** Starts empty. */
export function createRefreshState<Value extends object, Context extends CacheContext>(
  options: RefreshCacheOptions<Value, Context>,
): RefreshState<Value, Context> {
  const rules = readRefreshRules(options.times ?? {})
  return {
    options,
    rules,
    entries: new LRUCache({ max: rules.maxEntries }),
    absences: new LRUCache({ max: MAX_ABSENCES }),
    flights: new Map(),
    unknownBudget: createBudget(rules.unknownPerMinute),
    recheckBudget: createBudget(rules.unknownPerMinute),
    outage: createOutage(rules.backoff),
    secondLevelOutage: createOutage(rules.backoff),
    closing: new AbortController(),
  }
}

/** Whether another request may be under way at all. */
export function hasRoom(state: {
  readonly flights: ReadonlyMap<string, unknown>
  readonly closing: AbortController
}): boolean {
  return state.flights.size < MAX_FLIGHTS && !state.closing.signal.aborted
}
