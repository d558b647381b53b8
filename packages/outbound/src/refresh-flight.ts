import { backoffMs } from './backoff.ts'
import type { Outage } from './outage.ts'
import { isAboutOne, isOutboundError, OutboundError } from './outbound-error.ts'
import type { CacheContext, Loaded, LoadRequest } from './refresh-cache.ts'
import { SHORTEST_FRESH_MS } from './refresh-rules.ts'
import type { Entry, Intent, RefreshState } from './refresh-state.ts'
import { forgetDocument, recallDocument, rememberDocument } from './second-level-exchange.ts'

/** When a try began, by both clocks. An answer is at least as old as the question. */
interface Start {
  readonly monotonicMs: number
  readonly wallMs: number
}

const SETTLED_MS = 100

/** What is asked for, why, and by whom. */
export interface Question<Context> {
  readonly key: string
  readonly context: Context
  readonly intent: Intent
  /** What look-ups that come to nothing are counted by. */
  readonly source: string
}

/** Asks for a key on behalf of everybody who asks meanwhile. */
export function startFlight<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const { key, intent } = question
  const promise = intent === 'unknown' ? attemptUnknown(state, question) : attempt(state, question)
  state.flights.set(key, { promise, intent, isOvertaken: false })
  const land = (): void => {
    state.flights.delete(key)
    if (intent === 'renewal') state.renewalGate.leave()
  }
  // Also the reason why a failure that nobody waits for is not an unhandled rejection.
  promise.then(land, land)
  return promise
}

/** What another process knows costs the origin nothing, so it is asked before any budget is. */
async function attemptUnknown<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const recalled = state.options.secondLevel === undefined ? undefined : await recallInTurn(state, question)
  return recalled ?? attemptInTurn(state, question)
}

async function recallInTurn<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const { recallGate } = state
  if (!recallGate.tryEnter()) {
    const turn = recallGate.enter()
    if (turn === undefined) throw refused(state, question.context)
    await turn
  }
  try {
    return await recall(state, question)
  } finally {
    recallGate.leave()
  }
}

/** Unknown keys queue. When it is their turn, what those before them found out decides whether a try makes sense. */
async function attemptInTurn<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const { unknownGate, unknownBudget, unknownOutage } = state
  const { context, source } = question
  if (!unknownGate.tryEnter()) {
    const turn = unknownGate.enter()
    if (turn === undefined) throw refused(state, context)
    await turn
  }
  try {
    const nowMs = context.clock.monotonicMs()
    const closed = outageOfUnknown(state, nowMs)
    if (closed !== undefined) throw closed.error()
    if (state.closing.signal.aborted || !unknownBudget.take(source, nowMs)) throw refused(state, context)
    unknownOutage.mayTry(nowMs)
    return await askOrigin(state, question)
  } finally {
    unknownGate.leave()
  }
}

function refused<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  context: Context,
): OutboundError {
  state.options.observe?.('over_budget', context)
  return refusalOf(state.closing)
}

/** The outage because of which nobody is asked about what is not known. */
export function outageOfUnknown<Value extends object, Context extends CacheContext>(
  { outage, unknownOutage }: RefreshState<Value, Context>,
  nowMs: number,
): Outage | undefined {
  return [outage, unknownOutage].find((one) => one.isClosed(nowMs))
}

/** Why nobody is asked. */
export function refusalOf(closing: AbortController): OutboundError {
  if (closing.signal.aborted) return new OutboundError('closed', 'the source was closed')
  return new OutboundError('over_budget', 'too many unknown things are being asked for')
}

async function attempt<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const skipsSecondLevel = question.intent === 'recheck' || state.options.secondLevel === undefined
  const recalled = skipsSecondLevel ? undefined : await recall(state, question)
  return recalled ?? askOrigin(state, question)
}

/** What another process fetched; nothing of what was forgotten since. */
async function recall<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  { key, context }: Question<Context>,
): Promise<Value | undefined> {
  if (state.forgotten.has(key)) return undefined
  const entry = state.entries.get(key)
  const recalled = await recallDocument(state, toRequest(state, key, context), entry)
  if (recalled === undefined || state.flights.get(key)?.isOvertaken === true) return undefined
  return keep(state, key, recalled, { fetchedAtMs: recalled.fetchedAtMs, settledUntilMs: 0 })
}

function toRequest<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
): LoadRequest<Value, Context> {
  const entry = state.entries.get(key)
  const isPastUse = entry === undefined || context.clock.monotonicMs() >= entry.staleUntilMs
  return { key, previous: isPastUse ? undefined : entry.value, context, signal: state.closing.signal }
}

async function askOrigin<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  question: Question<Context>,
): Promise<Value | undefined> {
  const { key, context } = question
  const start = { monotonicMs: context.clock.monotonicMs(), wallMs: context.clock.wallMs() }
  const entry = state.entries.get(key)
  if (entry !== undefined && question.intent === 'recheck') {
    state.entries.set(key, { ...entry, recheckedAtMs: start.monotonicMs })
  }
  const request = toRequest(state, key, context)
  try {
    const loaded = await state.options.load(request)
    const flight = state.flights.get(key)
    if (flight?.isOvertaken !== true) return settle(state, request, question, start, loaded)
    flight.isOvertaken = false
  } catch (error) {
    fail(state, request, question.intent, error)
    throw error
  }
  return askOrigin(state, question)
}

function settle<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  { intent, source }: Question<Context>,
  start: Start,
  loaded: Loaded<Value> | undefined,
): Value | undefined {
  const { key, context } = request
  state.forgotten.delete(key)
  state.outage.succeeded()
  state.unknownOutage.succeeded()
  // What others would find there is no longer what the origin says.
  if (loaded?.text === undefined && state.entries.has(key)) forgetDocument(state, request)
  if (loaded === undefined) {
    state.entries.delete(key)
    const untilMs = context.clock.monotonicMs() + state.rules.absentMs
    state.absences.set(key, { untilMs, failures: 0, error: undefined, goneSinceMs: start.monotonicMs })
    state.options.observe?.('not_found', context)
    return undefined
  }
  if (intent === 'unknown') state.unknownBudget.giveBack(source)
  if (intent === 'recheck' && loaded.isNews === true) state.recheckBudget.giveBack(source)
  const settledUntilMs = context.clock.monotonicMs() + SETTLED_MS
  keep(state, key, loaded, { fetchedAtMs: start.monotonicMs, settledUntilMs })
  state.options.observe?.('loaded', context)
  const { text, freshForSeconds } = loaded
  if (text !== undefined) rememberDocument(state, request, { fetchedAtMs: start.wallMs, freshForSeconds, text })
  return loaded.value
}

/** Puts an answer into the cache. */
export function keep<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  loaded: Loaded<Value>,
  times: Pick<Entry<Value>, 'fetchedAtMs' | 'settledUntilMs'>,
): Value {
  const { refreshAfterMs, maxAgeMs, staleIfErrorMs, random } = state.rules
  const { fetchedAtMs } = times
  const statedMs = loaded.freshForSeconds === undefined ? refreshAfterMs : loaded.freshForSeconds * 1_000
  const freshMs = Math.min(refreshAfterMs, Math.max(SHORTEST_FRESH_MS, statedMs))
  state.absences.delete(key)
  state.entries.set(key, {
    value: loaded.value,
    ...times,
    // Up to a tenth early, so that processes which started together do not ask together.
    refreshAtMs: fetchedAtMs + freshMs * (1 - random() / 10),
    expiresAtMs: fetchedAtMs + maxAgeMs,
    staleUntilMs: fetchedAtMs + staleIfErrorMs,
    recheckedAtMs: state.entries.get(key)?.recheckedAtMs ?? Number.NEGATIVE_INFINITY,
    failures: 0,
    retryAtMs: 0,
    error: undefined,
  })
  return loaded.value
}

/** Counted from the end of the try: a slow failure must not be followed by the next at once. */
function fail<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  intent: Intent,
  error: unknown,
): void {
  const { key, context } = request
  const { backoff, refreshAfterMs, absentMs } = state.rules
  const nowMs = context.clock.monotonicMs()
  const entry = state.entries.get(key)
  const absence = state.absences.get(key)
  const failures = (entry ?? absence)?.failures ?? 0
  const askedMs = (isOutboundError(error) ? (error.retryAfterSeconds ?? 0) : 0) * 1_000
  const isOnlyThis = isAboutOne(error)
  const shortestMs = isOnlyThis && intent === 'unknown' ? absentMs : 0
  const waitMs = Math.max(backoffMs(failures + 1, backoff), Math.min(askedMs, refreshAfterMs), shortestMs)
  const failure = { failures: failures + 1, error: error ?? new Error('failed without a reason') }
  const outage = intent === 'unknown' ? state.unknownOutage : state.outage
  if (!isOnlyThis) outage.failed(nowMs, failure.error)
  if (entry !== undefined) state.entries.set(key, { ...entry, ...failure, retryAtMs: nowMs + waitMs })
  else state.absences.set(key, { ...failure, untilMs: nowMs + waitMs, goneSinceMs: absence?.goneSinceMs })
  state.options.observe?.('load_failed', context, failure.error)
}
