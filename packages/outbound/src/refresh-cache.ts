import { Answers, type Entry } from './refresh-answers.ts'
import { Flights } from './refresh-flights.ts'
import {
  type Asker,
  type CacheContext,
  type Loaded,
  type RefreshCacheOptions,
  type RefreshRules,
  readCacheOptions,
} from './refresh-options.ts'

type Answer<Value> = Value | undefined | Promise<Value | undefined>

/**
 * A cache in front of something slow that fails at times. Callers of one key share one request. An ageing answer is given at
 * once and renewed behind the caller's back; while renewals fail it is given up to a limit. Tries are spaced out, counted from
 * the try and not from its success, and unknown keys spend a budget that known keys do not need. A failure is always a
 * rejection, a value may come at once.
 */
export class RefreshCache<Value extends object, Context extends CacheContext> {
  readonly #rules: RefreshRules
  readonly #answers: Answers<Value>
  readonly #flights: Flights<Value, Context>
  readonly #observe: RefreshCacheOptions<Value, Context>['observe']
  readonly #sourceOf: (asker: Asker | undefined) => string

  /** @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID` */
  constructor(options: RefreshCacheOptions<Value, Context>) {
    const { sourceOf = (address) => address ?? '' } = options
    this.#rules = readCacheOptions(options)
    this.#answers = new Answers(this.#rules)
    this.#flights = new Flights(options, this.#rules, this.#answers)
    this.#observe = options.observe
    this.#sourceOf = (asker) => sourceOf(asker?.remoteAddress)
  }

  /** The answer for a key; `undefined` when the origin has none. Rejects when it cannot be told. */
  read(key: string, context: Context, asker?: Asker): Answer<Value> {
    const entry = this.#answers.find(key)
    if (entry === undefined) return this.#readUnknown(key, context, asker)
    if (context.clock.monotonicMs() >= entry.refreshAtMs) return this.#readAged(key, entry, context)
    this.#observe?.('hit', context)
    return entry.value
  }

  /**
   * The same for callers who can use an old absence. Up to `maxAgeMs` it is given at once and renewed in the background, up to
   * `staleIfErrorMs` the renewal is waited for, and the old absence is given if that fails.
   */
  readOrOldAbsence(key: string, context: Context, asker?: Asker): Answer<Value> {
    if (this.#answers.find(key) !== undefined) return this.read(key, context, asker)
    const goneSinceMs = this.#answers.findAbsence(key)?.goneSinceMs ?? Number.NEGATIVE_INFINITY
    const ageMs = context.clock.monotonicMs() - goneSinceMs
    const answer = this.#readUnknown(key, context, asker)
    if (answer === undefined || !(ageMs < this.#rules.staleIfErrorMs)) return answer
    const settled = answer.catch(() => undefined)
    return ageMs < this.#rules.maxAgeMs ? undefined : settled
  }

  /** For a caller who misses something in the answer it has read: a newer one, if it is time to ask for one. */
  recheck(key: string, context: Context, asker?: Asker): Answer<Value> {
    const entry = this.#answers.find(key)
    if (entry === undefined) return this.#readUnknown(key, context, asker)
    const flight = this.#flights.find(key)
    if (flight?.intent === 'recheck') return flight.promise
    // A renewal may be content with what another process fetched earlier, so it is asked again what it brought.
    const again = (): Answer<Value> => this.recheck(key, context, asker)
    if (flight !== undefined) return flight.promise.then(again, again)
    if (context.clock.monotonicMs() < entry.settledUntilMs) return entry.value
    const renewal = this.#flights.startRecheck(key, entry, context, this.#sourceOf(asker))
    if (renewal !== undefined) return renewal
    return entry.failures === 0 ? entry.value : Promise.reject(entry.error)
  }

  /** Drops answers here and in the second level; the origin is asked anew, also by requests that are under way. */
  forget(isConcerned: (value: Value) => boolean, keys: readonly string[]): void {
    this.#flights.overtake(this.#answers.forget(isConcerned, keys))
  }

  /** Starts to take in answers that come together; what was forgotten meanwhile stays out. */
  startSeeding(context: Context): (key: string, loaded: Loaded<Value>) => void {
    return this.#answers.startSeeding(context.clock.monotonicMs())
  }

  /** Ends requests that are under way and starts no more. Answers in the cache stay readable. */
  close(): void {
    this.#flights.close()
  }

  /** What is remembered of an absence, or what a try brings. */
  #readUnknown(key: string, context: Context, asker: Asker | undefined): undefined | Promise<Value | undefined> {
    const absence = this.#answers.findAbsence(key)
    if (absence !== undefined && context.clock.monotonicMs() < absence.untilMs) {
      this.#observe?.(absence.error === undefined ? 'absent' : 'failing', context)
      return absence.error === undefined ? undefined : Promise.reject(absence.error)
    }
    this.#observe?.('miss', context)
    return this.#flights.find(key)?.promise ?? this.#flights.startUnknown(key, context, this.#sourceOf(asker))
  }

  #readAged(key: string, entry: Entry<Value>, context: Context): Value | Promise<Value | undefined> {
    const nowMs = context.clock.monotonicMs()
    const renewal = this.#flights.find(key)?.promise ?? this.#flights.startRenewal(key, entry, context)
    if (nowMs >= entry.staleUntilMs) {
      this.#observe?.(renewal === undefined ? 'failing' : 'miss', context)
      return renewal ?? Promise.reject(entry.error ?? this.#flights.lastError())
    }
    this.#observe?.('stale', context)
    const mayWait = nowMs >= entry.expiresAtMs && entry.failures === 0
    return mayWait && renewal !== undefined ? renewal.catch(() => entry.value) : entry.value
  }
}

/** @deprecated use `new RefreshCache(options)` */
export function createRefreshCache<Value extends object, Context extends CacheContext>(
  options: RefreshCacheOptions<Value, Context>,
): RefreshCache<Value, Context> {
  return new RefreshCache(options)
}
