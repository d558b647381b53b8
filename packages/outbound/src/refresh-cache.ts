import { refusalOf, startFlight } from './refresh-flight.ts'
import { forget, startSeeding } from './refresh-forget.ts'
import type { RefreshTimes } from './refresh-rules.ts'
import { createRefreshState, type Entry, type RefreshState } from './refresh-state.ts'
import { readOrOldAbsence, readUnknown } from './refresh-unknown.ts'
import type { SecondLevel } from './second-level.ts'

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
  /** Sees everything that happens; must not throw. @default nobody */
  readonly observe?: (event: CacheEvent, context: Context, error?: unknown) => void
  /** What look-ups that come to nothing are counted by. @default the address itself */
  readonly sourceOf?: (address: string | undefined) => string
}

type Answer<Value> = Value | undefined | Promise<Value | undefined>

/** Answers kept fresh. A failure is always a rejection, a value may come at once. */
export interface RefreshCache<Value extends object, Context extends CacheContext> {
  /** The answer for a key; `undefined` when the origin has none. Rejects when nobody can tell. */
  readonly read: (key: string, context: Context, asker?: Asker) => Answer<Value>
  /** The same where the absence of an answer may be old: it is given at once, and asked about behind the caller. */
  readonly readOrOldAbsence: (key: string, context: Context, asker?: Asker) => Answer<Value>
  /** For a caller who misses something in the answer it has read: a newer one, if it is time to ask for one. */
  readonly recheck: (key: string, context: Context, asker?: Asker) => Answer<Value>
  /** Drops answers here and in the second level; the origin is asked anew, also by requests that are under way. */
  readonly forget: (isConcerned: (value: Value) => boolean, keys: readonly string[]) => void
  /** Starts to take in answers that come together; what was forgotten meanwhile stays out. */
  readonly startSeeding: (context: Context) => (key: string, loaded: Loaded<Value>) => void
  /** Ends requests that are under way and starts no more. Answers in the cache stay readable. */
  readonly close: () => void
}

/**
 * Makes a cache in front of something slow that fails at times. Callers of one key share one request. An ageing answer is
 * given at once and renewed behind the caller's back; while renewals fail it is given up to a limit. Tries are spaced out,
 * counted from the try and not from its success, and unknown keys spend a budget that known keys do not need.
 * @throws TypeError
 */
export function createRefreshCache<Value extends object, Context extends CacheContext>(
  options: RefreshCacheOptions<Value, Context>,
): RefreshCache<Value, Context> {
  const state = createRefreshState(options)
  const read = (key: string, context: Context, asker?: Asker): Answer<Value> => {
    const entry = state.entries.get(key)
    if (entry === undefined) return readUnknown(state, key, context, asker)
    const nowMs = context.clock.monotonicMs()
    if (nowMs >= entry.refreshAtMs) return readAged(state, key, entry, context)
    options.observe?.('hit', context)
    return entry.value
  }
  return {
    read,
    readOrOldAbsence: (key, context, asker) =>
      state.entries.has(key) ? read(key, context, asker) : readOrOldAbsence(state, key, context, asker),
    recheck: (key, context, asker) => recheck(state, key, context, asker),
    forget: (isConcerned, keys) => forget(state, isConcerned, keys),
    startSeeding: (context) => startSeeding(state, context),
    close: () => state.closing.abort(),
  }
}

function readAged<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  entry: Entry<Value>,
  context: Context,
): Value | Promise<Value | undefined> {
  const nowMs = context.clock.monotonicMs()
  const renewal = state.flights.get(key)?.promise ?? renew(state, key, entry, context)
  if (nowMs >= entry.staleUntilMs) {
    state.options.observe?.(renewal === undefined ? 'failing' : 'miss', context)
    return renewal ?? Promise.reject(entry.error ?? state.outage.error() ?? refusalOf(state.closing))
  }
  state.options.observe?.('stale', context)
  const mayWait = nowMs >= entry.expiresAtMs && entry.failures === 0
  return mayWait && renewal !== undefined ? renewal.catch(() => entry.value) : entry.value
}

function renew<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  entry: Entry<Value>,
  context: Context,
): Promise<Value | undefined> | undefined {
  const nowMs = context.clock.monotonicMs()
  if (nowMs < entry.retryAtMs || state.closing.signal.aborted || state.outage.isClosed(nowMs)) return undefined
  // Whoever finds no place comes again with the next caller.
  if (!state.renewalGate.tryEnter()) return undefined
  state.outage.mayTry(nowMs)
  return startFlight(state, { key, context, intent: 'renewal', source: '' })
}

function recheck<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
  asker: Asker | undefined,
): Answer<Value> {
  const entry = state.entries.get(key)
  if (entry === undefined) return readUnknown(state, key, context, asker)
  const flight = state.flights.get(key)
  if (flight?.intent === 'recheck') return flight.promise
  // A renewal may be content with what another process fetched earlier, so it is asked again what it brought.
  const again = (): ReturnType<typeof recheck<Value, Context>> => recheck(state, key, context, asker)
  if (flight !== undefined) return flight.promise.then(again, again)
  const nowMs = context.clock.monotonicMs()
  if (nowMs < entry.settledUntilMs) return entry.value
  const source = state.sourceOf(asker)
  const isDue = nowMs >= entry.retryAtMs && isRecheckDue(state, key, entry, source, nowMs)
  const isOpen = !state.closing.signal.aborted && !state.outage.isClosed(nowMs)
  if (isDue && isOpen && state.recheckBudget.take(source, nowMs)) {
    state.outage.mayTry(nowMs)
    state.rechecks.set(`${source}\n${key}`, nowMs)
    return startFlight(state, { key, context, intent: 'recheck', source })
  }
  return entry.failures === 0 ? entry.value : Promise.reject(entry.error)
}

/** Callers from elsewhere wait this part of the time: a stranger must not keep the owner of a new key from using it. */
const ELSEWHERE = 1 / 30

function isRecheckDue<Value extends object, Context extends CacheContext>(
  { rules, rechecks }: RefreshState<Value, Context>,
  key: string,
  entry: Entry<Value>,
  source: string,
  nowMs: number,
): boolean {
  if (nowMs - entry.recheckedAtMs < rules.recheckAfterMs * ELSEWHERE) return false
  return nowMs - (rechecks.get(`${source}\n${key}`) ?? Number.NEGATIVE_INFINITY) >= rules.recheckAfterMs
}
