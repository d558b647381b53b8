import { createLRU } from 'lru.min'
import { backoffMs } from './outage.ts'
import type { Loaded, RefreshRules } from './refresh-options.ts'

/** An answer with what is known about its age. Times are of the monotonic clock. */
export interface Entry<Value> {
  readonly value: Value
  readonly fetchedAtMs: number
  readonly refreshAtMs: number
  readonly expiresAtMs: number
  readonly staleUntilMs: number
  /** Until then it has just come from the origin: a caller who waited for it need not ask again. */
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

/** A try that failed. */
export interface Failure {
  readonly error: unknown
  readonly nowMs: number
  /** How long the next try waits at least. */
  readonly shortestMs: number
}

/** The origin may not ask us to come more often than this, whatever max-age says. */
const SHORTEST_FRESH_MS = 30_000

/** Callers from elsewhere wait this part of the time: a stranger must not keep the owner of a new key from using it. */
const ELSEWHERE = 1 / 30

const MAX_ABSENCES = 16_384

/** A cache of lru.min takes the room of all its entries at once: what holds one document needs little beside it. */
const ABSENCES_EACH = 64
const RECHECKS_EACH = 1_024

/** The answers of a refresh cache, and what is known to be absent. Every part is bounded. */
export class Answers<Value extends object> {
  readonly #rules: RefreshRules
  readonly #entries: ReturnType<typeof createLRU<string, Entry<Value>>>
  readonly #absences: ReturnType<typeof createLRU<string, Absence>>
  /** Forgotten on purpose: what a shared cache says of these is worth nothing until the origin was asked. */
  readonly #forgotten: ReturnType<typeof createLRU<string, true>>
  /** When callers from one place last forced a renewal of one key. */
  readonly #rechecks: ReturnType<typeof createLRU<string, number>>
  #forgettings = 0

  constructor(rules: RefreshRules) {
    this.#rules = rules
    const { maxEntries } = rules
    const absences = { max: Math.min(MAX_ABSENCES, ABSENCES_EACH * maxEntries) }
    this.#entries = createLRU({ max: maxEntries })
    this.#absences = createLRU(absences)
    this.#forgotten = createLRU(absences)
    this.#rechecks = createLRU({ max: Math.min(MAX_ABSENCES, RECHECKS_EACH * maxEntries) })
  }

  find(key: string): Entry<Value> | undefined {
    return this.#entries.get(key)
  }

  findAbsence(key: string): Absence | undefined {
    return this.#absences.get(key)
  }

  /** Puts an answer into the cache. */
  keep(key: string, loaded: Loaded<Value>, times: Pick<Entry<Value>, 'fetchedAtMs' | 'settledUntilMs'>): Value {
    const { refreshAfterMs, maxAgeMs, staleIfErrorMs, random } = this.#rules
    const { fetchedAtMs } = times
    const statedMs = loaded.freshForSeconds === undefined ? refreshAfterMs : loaded.freshForSeconds * 1_000
    const freshMs = Math.min(refreshAfterMs, Math.max(SHORTEST_FRESH_MS, statedMs))
    this.#absences.delete(key)
    this.#entries.set(key, {
      value: loaded.value,
      ...times,
      // Up to a tenth early, so that processes which started together do not ask together.
      refreshAtMs: fetchedAtMs + freshMs * (1 - random() / 10),
      expiresAtMs: fetchedAtMs + maxAgeMs,
      staleUntilMs: fetchedAtMs + staleIfErrorMs,
      recheckedAtMs: this.#entries.get(key)?.recheckedAtMs ?? Number.NEGATIVE_INFINITY,
      failures: 0,
      retryAtMs: 0,
      error: undefined,
    })
    return loaded.value
  }

  /** The origin, asked at `goneSinceMs`, has no answer. */
  remove(key: string, goneSinceMs: number, nowMs: number): void {
    this.#entries.delete(key)
    this.#absences.set(key, { untilMs: nowMs + this.#rules.absentMs, failures: 0, error: undefined, goneSinceMs })
  }

  /** Counted from the end of the try: a slow failure must not be followed by the next at once. */
  fail(key: string, { error, nowMs, shortestMs }: Failure): void {
    const entry = this.#entries.get(key)
    const absence = this.#absences.get(key)
    const failures = ((entry ?? absence)?.failures ?? 0) + 1
    const retryAtMs = nowMs + Math.max(backoffMs(failures, this.#rules.backoff), shortestMs)
    if (entry !== undefined) this.#entries.set(key, { ...entry, failures, error, retryAtMs })
    else this.#absences.set(key, { failures, error, untilMs: retryAtMs, goneSinceMs: absence?.goneSinceMs })
  }

  /** Whether a caller from one place may force a renewal. */
  isRecheckDue(key: string, source: string, nowMs: number): boolean {
    const { recheckAfterMs } = this.#rules
    const anyAtMs = this.#entries.get(key)?.recheckedAtMs ?? Number.NEGATIVE_INFINITY
    if (nowMs - anyAtMs < recheckAfterMs * ELSEWHERE) return false
    return nowMs - (this.#rechecks.get(`${source}\n${key}`) ?? Number.NEGATIVE_INFINITY) >= recheckAfterMs
  }

  markRechecked(key: string, source: string, nowMs: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#entries.set(key, { ...entry, recheckedAtMs: nowMs })
    this.#rechecks.set(`${source}\n${key}`, nowMs)
  }

  /** Drops answers, and says which. */
  forget(isConcerned: (value: Value) => boolean, keys: readonly string[]): ReadonlySet<string> {
    const concerned = new Set(keys)
    for (const [key, { value }] of this.#entries.entries()) if (isConcerned(value)) concerned.add(key)
    for (const key of concerned) {
      this.#entries.delete(key)
      this.#absences.delete(key)
      this.#forgotten.set(key, true)
    }
    this.#forgettings++
    return concerned
  }

  isForgotten(key: string): boolean {
    return this.#forgotten.has(key)
  }

  /** The origin was asked since the answer was forgotten. */
  askedAnew(key: string): void {
    this.#forgotten.delete(key)
  }

  /** Takes in answers of one document that is asked for now, unless a newer answer is known. */
  startSeeding(nowMs: number): (key: string, loaded: Loaded<Value>) => void {
    const forgettings = this.#forgettings
    return (key, loaded) => {
      const known = this.#entries.get(key)
      if (this.#forgettings !== forgettings || (known !== undefined && known.fetchedAtMs > nowMs)) return
      this.#forgotten.delete(key)
      this.keep(key, loaded, { fetchedAtMs: nowMs, settledUntilMs: 0 })
    }
  }
}
