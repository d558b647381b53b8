import { setMaxListeners } from 'node:events'
import { LRUCache } from 'lru-cache'
import { createGate, type Gate } from './gate.ts'
import { createLookupBudget, type LookupBudget } from './lookup-budget.ts'
import { requireOptions } from './option-checks.ts'
import { createOutage, type Outage } from './outage.ts'
import type { Asker, CacheContext, RefreshCacheOptions } from './refresh-cache.ts'
import { type RefreshRules, readRefreshRules } from './refresh-rules.ts'

/** An answer with what is known about its age. Times are of the monotonic clock. */
export interface Entry<Value> {
  readonly value: Value
  readonly fetchedAtMs: number
  readonly refreshAtMs: number
  readonly expiresAtMs: number
  readonly staleUntilMs: number
  /** Until then it has just come from the origin: whoever waited for it need not ask again. */
  readonly settledUntilMs: number
  /** When a caller last forced a renewal, successful or not. */
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
  /** When the origin was asked that said there is none: older word of others is worth nothing. */
  readonly goneSinceMs: number | undefined
}

/** Why the origin is asked: nothing is known of the key, its answer has aged, or a caller misses something in it. */
export type Intent = 'unknown' | 'renewal' | 'recheck'

/** One request to the origin that everybody shares. */
export interface Flight<Value> {
  readonly promise: Promise<Value | undefined>
  readonly intent: Intent
  /** Set when the cache was told to forget something meanwhile: the answer may be older than that. */
  isOvertaken: boolean
}

/** All that a refresh cache remembers. Every member is bounded. */
export interface RefreshState<Value extends object, Context extends CacheContext> {
  readonly options: RefreshCacheOptions<Value, Context>
  readonly rules: RefreshRules
  readonly entries: LRUCache<string, Entry<Value>>
  readonly absences: LRUCache<string, Absence>
  readonly flights: Map<string, Flight<Value>>
  /** Keys whose answers were forgotten on purpose: what a shared cache says of them is worth nothing until the origin was asked. */
  readonly forgotten: LRUCache<string, true>
  readonly unknownBudget: LookupBudget
  readonly unknownGate: Gate
  readonly recallGate: Gate
  readonly recheckBudget: LookupBudget
  /** When callers from one place last forced a renewal of one key. */
  readonly rechecks: LRUCache<string, number>
  readonly renewalGate: Gate
  /** Failures of what is known. Strangers choose what else is asked for, and must not be able to keep this from renewal. */
  readonly outage: Outage
  readonly unknownOutage: Outage
  readonly secondLevelOutage: Outage
  readonly closing: AbortController
  readonly sourceOf: (asker: Asker | undefined) => string
  /** How often something was forgotten on purpose. */
  forgettings: number
}

const MAX_ABSENCES = 16_384
const MAX_CONCURRENT = 16
const MAX_RECALLS = 64
const MAX_WAITING = 1_024

/** Starts empty. */
export function createRefreshState<Value extends object, Context extends CacheContext>(
  options: RefreshCacheOptions<Value, Context>,
): RefreshState<Value, Context> {
  requireOptions('createRefreshCache', options, ['load', 'times', 'secondLevel', 'observe', 'sourceOf'])
  const rules = readRefreshRules(options.times ?? {})
  const { sourceOf = (address) => address ?? '' } = options
  const limits = { perMinute: rules.unknownPerMinute, perMinutePerSource: rules.unknownPerMinutePerSource }
  return {
    options,
    rules,
    entries: new LRUCache({ max: rules.maxEntries }),
    absences: new LRUCache({ max: MAX_ABSENCES }),
    flights: new Map(),
    forgotten: new LRUCache({ max: MAX_ABSENCES }),
    unknownBudget: createLookupBudget(limits),
    unknownGate: createGate({ concurrent: MAX_CONCURRENT, waiting: MAX_WAITING }),
    recallGate: createGate({ concurrent: MAX_RECALLS, waiting: MAX_WAITING }),
    recheckBudget: createLookupBudget(limits),
    rechecks: new LRUCache({ max: MAX_ABSENCES }),
    renewalGate: createGate({ concurrent: MAX_CONCURRENT, waiting: 0 }),
    outage: createOutage(rules.backoff),
    unknownOutage: createOutage(rules.backoff),
    secondLevelOutage: createOutage(rules.backoff),
    closing: createClosing(),
    sourceOf: (asker) => sourceOf(asker?.remoteAddress),
    forgettings: 0,
  }
}

/** Every request under way listens to it; their number is bounded elsewhere. */
function createClosing(): AbortController {
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  return closing
}
