import { createHash } from 'node:crypto'
import { withinDeadline } from './deadline.ts'
import { createOutage, type Outage } from './outage.ts'
import type { Answers, Entry } from './refresh-answers.ts'
import type { CacheContext, Loaded, LoadRequest, RefreshCacheOptions, RefreshRules } from './refresh-options.ts'

/** A document with the wall-clock time at which it came from its origin. */
export interface StoredDocument {
  readonly fetchedAtMs: number
  readonly freshForSeconds: number | undefined
  readonly text: string
}

/** A document of another process, with its age by the monotonic clock. */
export type Recalled<Value> = Loaded<Value> & { readonly fetchedAtMs: number }

const VERSION = 1
/** Longer than any document that may be fetched by default, as a JSON string. */
const MAX_STORED_LENGTH = 1_048_576
/** Clocks of two machines may differ by this much. A time further ahead is nonsense. */
const MAX_CLOCK_LEAD_MS = 60_000
/** The shared cache is an optimisation: slower than this, the origin is asked instead. */
const DEADLINE_MS = 100

/** The second level of a cache. Its failures are counted, and reach no caller. */
export class SharedDocuments<Value extends object, Context extends CacheContext> {
  readonly #secondLevel: NonNullable<RefreshCacheOptions<Value, Context>['secondLevel']>
  readonly #observe: RefreshCacheOptions<Value, Context>['observe']
  readonly #rules: RefreshRules
  readonly #answers: Answers<Value>
  readonly #outage: Outage

  constructor(
    secondLevel: NonNullable<RefreshCacheOptions<Value, Context>['secondLevel']>,
    observe: RefreshCacheOptions<Value, Context>['observe'],
    rules: RefreshRules,
    answers: Answers<Value>,
  ) {
    this.#secondLevel = secondLevel
    this.#observe = observe
    this.#rules = rules
    this.#answers = answers
    this.#outage = createOutage(rules.backoff)
  }

  /** What another process fetched, if it is newer than ours and still fresh enough. Never rejects. */
  async recall(request: LoadRequest<Value, Context>): Promise<Recalled<Value> | undefined> {
    const { key, context } = request
    const { clock } = context
    if (!this.#outage.mayTry(clock.monotonicMs())) return undefined
    try {
      const wallMs = clock.wallMs()
      const stored = await this.#read(key, wallMs)
      this.#outage.succeeded()
      const ageMs = stored === undefined ? Number.POSITIVE_INFINITY : Math.max(0, wallMs - stored.fetchedAtMs)
      const fetchedAtMs = clock.monotonicMs() - ageMs
      if (stored === undefined || !this.#isWorthIt(key, fetchedAtMs, ageMs)) {
        return void this.#observe?.('second_level_miss', context)
      }
      const value = this.#secondLevel.revive(stored.text, request)
      this.#observe?.('second_level_hit', context)
      return { value, fetchedAtMs, freshForSeconds: stored.freshForSeconds }
    } catch (error) {
      this.#fail(context, error)
      return undefined
    }
  }

  /** Shares what the origin answered. No caller waits for it. */
  remember(key: string, context: Context, document: StoredDocument): void {
    this.#write(key, context, JSON.stringify({ version: VERSION, ...document }), this.#rules.maxAgeMs)
  }

  /** Takes back what was shared: the origin no longer says so. No caller waits for it. */
  forget(key: string, context: Context): void {
    this.#write(key, context, '', 1)
  }

  /** Takes back what was shared because it was revoked. What fails here is made good by the age at which documents end there. */
  drop(key: string): void {
    this.#set(key, '', 1).catch(() => {})
  }

  #isWorthIt(key: string, fetchedAtMs: number, ageMs: number): boolean {
    const entry: Entry<Value> | undefined = this.#answers.find(key)
    if (entry !== undefined) return fetchedAtMs > entry.fetchedAtMs && ageMs < this.#rules.refreshAfterMs * 0.9
    const goneSinceMs = this.#answers.findAbsence(key)?.goneSinceMs ?? Number.NEGATIVE_INFINITY
    return fetchedAtMs > goneSinceMs && ageMs < this.#rules.maxAgeMs
  }

  async #read(key: string, nowMs: number): Promise<StoredDocument | undefined> {
    const { store } = this.#secondLevel
    const text = await withinDeadline(DEADLINE_MS, undefined, () => store.get(this.#nameOf(key)))
    if (typeof text !== 'string' || text.length > MAX_STORED_LENGTH) return undefined
    const stored = parseStored(text)
    return stored !== undefined && stored.fetchedAtMs <= nowMs + MAX_CLOCK_LEAD_MS ? stored : undefined
  }

  #write(key: string, context: Context, value: string, ttlMs: number): void {
    if (!this.#outage.mayTry(context.clock.monotonicMs())) return
    this.#set(key, value, ttlMs).catch((error: unknown) => this.#fail(context, error))
  }

  #set(key: string, value: string, ttlMs: number): Promise<void> {
    return withinDeadline(DEADLINE_MS, undefined, () => this.#secondLevel.store.set(this.#nameOf(key), value, ttlMs))
  }

  #fail(context: Context, error: unknown): void {
    this.#outage.failed(context.clock.monotonicMs(), error)
    this.#observe?.('second_level_failed', context, error)
  }

  /** A name of fixed length that says nothing and cannot collide with another source's. */
  #nameOf(key: string): string {
    return createHash('sha256')
      .update(JSON.stringify([VERSION, this.#secondLevel.namespace, key]))
      .digest('base64url')
  }
}

function parseStored(text: string): StoredDocument | undefined {
  try {
    const { version, fetchedAtMs, freshForSeconds, text: document } = Object(JSON.parse(text))
    if (version !== VERSION || !Number.isFinite(fetchedAtMs) || typeof document !== 'string') return undefined
    return {
      fetchedAtMs,
      freshForSeconds: Number.isFinite(freshForSeconds) ? freshForSeconds : undefined,
      text: document,
    }
  } catch {
    // What others wrote there counts as nothing.
    return undefined
  }
}
