import { setMaxListeners } from 'node:events'
import { createGate, createLookupBudget, type Gate, type LookupBudget } from './admission.ts'
import { createOutage, type Outage } from './outage.ts'
import { isAboutOne, isOutboundError, OutboundError } from './outbound-error.ts'
import type { Answers, Entry } from './refresh-answers.ts'
import type { CacheContext, Loaded, LoadRequest, RefreshCacheOptions, RefreshRules } from './refresh-options.ts'
import { SharedDocuments } from './second-level.ts'

/** Why the origin is asked: nothing is known of the key, its answer has aged, or a caller misses something in it. */
type Intent = 'unknown' | 'renewal' | 'recheck'

/** What is asked for, why, and by whom. */
interface Question<Context> {
  readonly key: string
  readonly context: Context
  readonly intent: Intent
  /** What look-ups that come to nothing are counted by. */
  readonly source: string
}

/** One request to the origin that all callers share. */
interface Flight<Value> {
  readonly promise: Promise<Value | undefined>
  readonly intent: Intent
  /** Set when the cache was told to forget something meanwhile: the answer may be older than that. */
  isOvertaken: boolean
}

/** When a try began, by both clocks. An answer is at least as old as the question. */
interface Start {
  readonly monotonicMs: number
  readonly wallMs: number
}

const SETTLED_MS = 100
const MAX_CONCURRENT = 16
const MAX_RECALLS = 64
const MAX_WAITING = 1_024

/** Asks the second level and the origin: once for each key, in turn, inside budgets, and seldom while the origin is down. */
export class Flights<Value extends object, Context extends CacheContext> {
  readonly #options: RefreshCacheOptions<Value, Context>
  readonly #rules: RefreshRules
  readonly #answers: Answers<Value>
  readonly #shared: SharedDocuments<Value, Context> | undefined
  readonly #flights = new Map<string, Flight<Value>>()
  readonly #closing = new AbortController()
  readonly #unknownGate: Gate = createGate({ concurrent: MAX_CONCURRENT, waiting: MAX_WAITING })
  readonly #recallGate: Gate = createGate({ concurrent: MAX_RECALLS, waiting: MAX_WAITING })
  readonly #renewalGate: Gate = createGate({ concurrent: MAX_CONCURRENT, waiting: 0 })
  readonly #unknownBudget: LookupBudget
  readonly #recheckBudget: LookupBudget
  /** Failures of what is known. Strangers choose what else is asked for, and must not be able to keep this from renewal. */
  readonly #outage: Outage
  readonly #unknownOutage: Outage

  constructor(options: RefreshCacheOptions<Value, Context>, rules: RefreshRules, answers: Answers<Value>) {
    const limits = { perMinute: rules.unknownPerMinute, perMinutePerSource: rules.unknownPerMinutePerSource }
    const { secondLevel, observe } = options
    this.#options = options
    this.#rules = rules
    this.#answers = answers
    this.#shared = secondLevel && new SharedDocuments(secondLevel, observe, rules, answers)
    this.#unknownBudget = createLookupBudget(limits)
    this.#recheckBudget = createLookupBudget(limits)
    this.#outage = createOutage(rules.backoff)
    this.#unknownOutage = createOutage(rules.backoff)
    // Every request under way listens to it; their number is bounded elsewhere.
    setMaxListeners(0, this.#closing.signal)
  }

  find(key: string): Flight<Value> | undefined {
    return this.#flights.get(key)
  }

  /** Asks for a key of which nothing is known, or rejects at once. */
  startUnknown(key: string, context: Context, source: string): Promise<Value | undefined> {
    // A shared cache is asked before the budget is looked at; without one the budget decides here.
    const nowMs = context.clock.monotonicMs()
    const isRefused = this.#shared === undefined && (this.#isClosed || this.#unknownBudget.isSpent(source, nowMs))
    if (isRefused) return Promise.reject(this.#refuse(context))
    const outage = this.#shared === undefined ? this.#outageOfUnknown(nowMs) : undefined
    if (outage === undefined) return this.#start({ key, context, intent: 'unknown', source })
    this.#options.observe?.('failing', context)
    return Promise.reject(outage.error())
  }

  /** Renews an answer, if it is time to; a caller who finds no place leaves it to the next one. */
  startRenewal(key: string, entry: Entry<Value>, context: Context): Promise<Value | undefined> | undefined {
    const nowMs = context.clock.monotonicMs()
    if (nowMs < entry.retryAtMs || this.#isClosed || this.#outage.isClosed(nowMs)) return undefined
    if (!this.#renewalGate.tryEnter()) return undefined
    this.#outage.mayTry(nowMs)
    return this.#start({ key, context, intent: 'renewal', source: '' })
  }

  /** Renews an answer in which a caller misses something, if it is time to. */
  startRecheck(
    key: string,
    entry: Entry<Value>,
    context: Context,
    source: string,
  ): Promise<Value | undefined> | undefined {
    const nowMs = context.clock.monotonicMs()
    if (nowMs < entry.retryAtMs || !this.#answers.isRecheckDue(key, source, nowMs)) return undefined
    if (this.#isClosed || this.#outage.isClosed(nowMs) || !this.#recheckBudget.take(source, nowMs)) return undefined
    this.#outage.mayTry(nowMs)
    this.#answers.markRechecked(key, source, nowMs)
    return this.#start({ key, context, intent: 'recheck', source })
  }

  /** Why no answer can be had: the last failure, or that no more are asked for. */
  lastError(): unknown {
    return this.#outage.error() ?? this.#refusal()
  }

  /** Marks what is under way: each of these began before the cache was told to forget. */
  overtake(forgotten: ReadonlySet<string>): void {
    for (const key of forgotten) this.#shared?.drop(key)
    for (const flight of this.#flights.values()) flight.isOvertaken = true
  }

  close(): void {
    this.#closing.abort()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #refuse(context: Context): OutboundError {
    this.#options.observe?.('over_budget', context)
    return this.#refusal()
  }

  #refusal(): OutboundError {
    if (this.#isClosed) return new OutboundError('closed', 'the source was closed')
    return new OutboundError('over_budget', 'too many unknown things are being asked for')
  }

  /** The outage because of which the origin is not asked about what is not known. */
  #outageOfUnknown(nowMs: number): Outage | undefined {
    return [this.#outage, this.#unknownOutage].find((outage) => outage.isClosed(nowMs))
  }

  #start(question: Question<Context>): Promise<Value | undefined> {
    const { key, intent } = question
    const promise = this.#attempt(question)
    this.#flights.set(key, { promise, intent, isOvertaken: false })
    const land = (): void => {
      this.#flights.delete(key)
      if (intent === 'renewal') this.#renewalGate.leave()
    }
    // Also the reason why a failure that no caller waits for is not an unhandled rejection.
    promise.then(land, land)
    return promise
  }

  /** What another process knows costs the origin nothing, so it is asked before any budget is. */
  async #attempt(question: Question<Context>): Promise<Value | undefined> {
    const { intent, context } = question
    const refuse = (): OutboundError => this.#refuse(context)
    if (this.#shared !== undefined && intent !== 'recheck') {
      const recall = (): Promise<Value | undefined> => this.#recall(question)
      const recalled = await (intent === 'unknown' ? this.#recallGate.pass(recall, refuse) : recall())
      if (recalled !== undefined) return recalled
    }
    if (intent !== 'unknown') return this.#askOrigin(question)
    return this.#unknownGate.pass(() => this.#askAboutUnknown(question), refuse)
  }

  /** In its turn: what those before it found out decides whether a try makes sense. */
  async #askAboutUnknown(question: Question<Context>): Promise<Value | undefined> {
    const { context, source } = question
    const nowMs = context.clock.monotonicMs()
    const outage = this.#outageOfUnknown(nowMs)
    if (outage !== undefined) throw outage.error()
    if (this.#isClosed || !this.#unknownBudget.take(source, nowMs)) throw this.#refuse(context)
    this.#unknownOutage.mayTry(nowMs)
    return this.#askOrigin(question)
  }

  /** What another process fetched; nothing of what was forgotten since. */
  async #recall({ key, context }: Question<Context>): Promise<Value | undefined> {
    if (this.#answers.isForgotten(key)) return undefined
    const recalled = await this.#shared?.recall(this.#toRequest(key, context))
    if (recalled === undefined || this.#flights.get(key)?.isOvertaken === true) return undefined
    return this.#answers.keep(key, recalled, { fetchedAtMs: recalled.fetchedAtMs, settledUntilMs: 0 })
  }

  #toRequest(key: string, context: Context): LoadRequest<Value, Context> {
    const entry = this.#answers.find(key)
    const isPastUse = entry === undefined || context.clock.monotonicMs() >= entry.staleUntilMs
    return { key, previous: isPastUse ? undefined : entry.value, context, signal: this.#closing.signal }
  }

  async #askOrigin(question: Question<Context>): Promise<Value | undefined> {
    const { key, context } = question
    const start = { monotonicMs: context.clock.monotonicMs(), wallMs: context.clock.wallMs() }
    try {
      const loaded = await this.#options.load(this.#toRequest(key, context))
      const flight = this.#flights.get(key)
      if (flight?.isOvertaken !== true) return this.#settle(question, start, loaded)
      flight.isOvertaken = false
    } catch (error) {
      this.#fail(question, error)
      throw error
    }
    return this.#askOrigin(question)
  }

  #settle(
    { key, context, intent, source }: Question<Context>,
    start: Start,
    loaded: Loaded<Value> | undefined,
  ): Value | undefined {
    const { observe } = this.#options
    const nowMs = context.clock.monotonicMs()
    this.#answers.askedAnew(key)
    this.#outage.succeeded()
    this.#unknownOutage.succeeded()
    // What others would find there is no longer what the origin says.
    if (loaded?.text === undefined && this.#answers.find(key) !== undefined) this.#shared?.forget(key, context)
    if (loaded === undefined) {
      this.#answers.remove(key, start.monotonicMs, nowMs)
      observe?.('not_found', context)
      return undefined
    }
    if (intent === 'unknown') this.#unknownBudget.giveBack(source)
    if (intent === 'recheck' && loaded.isNews === true) this.#recheckBudget.giveBack(source)
    this.#answers.keep(key, loaded, { fetchedAtMs: start.monotonicMs, settledUntilMs: nowMs + SETTLED_MS })
    observe?.('loaded', context)
    const { text, freshForSeconds } = loaded
    if (text !== undefined) this.#shared?.remember(key, context, { fetchedAtMs: start.wallMs, freshForSeconds, text })
    return loaded.value
  }

  #fail({ key, context, intent }: Question<Context>, given: unknown): void {
    const { refreshAfterMs, absentMs } = this.#rules
    const nowMs = context.clock.monotonicMs()
    const error = given ?? new Error('failed without a reason')
    const askedMs = (isOutboundError(given) ? (given.retryAfterSeconds ?? 0) : 0) * 1_000
    const isOnlyThis = isAboutOne(given)
    const shortestMs = Math.max(Math.min(askedMs, refreshAfterMs), isOnlyThis && intent === 'unknown' ? absentMs : 0)
    const outage = intent === 'unknown' ? this.#unknownOutage : this.#outage
    if (!isOnlyThis) outage.failed(nowMs, error)
    this.#answers.fail(key, { error, nowMs, shortestMs })
    this.#options.observe?.('load_failed', context, error)
  }
}
