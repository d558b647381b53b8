import { backoffMs } from './backoff.ts'
import type { Outage } from './outage.ts'
import { isOutboundError, OutboundError } from './outbound-error.ts'
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

/** Asks for a key on behalf of everybody who asks meanwhile. */
export function startFlight<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
  intent: Intent,
): Promise<Value | undefined> {
  const promise = intent === 'unknown' ? attemptInTurn(state, key, context) : attempt(state, key, context, intent)
  state.flights.set(key, { promise, intent })
  const land = (): void => {
    state.flights.delete(key)
    if (intent === 'renewal') state.renewalGate.leave()
  }
  // Also the reason why a failure that nobody waits for is not an unhandled rejection.
  promise.then(land, land)
  return promise
}

/** Unknown keys queue. When it is their turn, what those before them found out decides whether a try makes sense. */
async function attemptInTurn<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
): Promise<Value | undefined> {
  const { unknownGate, unknownBudget, unknownOutage } = state
  if (!unknownGate.tryEnter()) {
    const turn = unknownGate.enter()
    if (turn === undefined) throw refused(state, context)
    await turn
  }
  try {
    const nowMs = context.clock.monotonicMs()
    const closed = outageOfUnknown(state, nowMs)
    if (closed !== undefined) throw closed.error()
    if (state.closing.signal.aborted || !unknownBudget.take(nowMs)) throw refused(state, context)
    unknownOutage.mayTry(nowMs)
    return await attempt(state, key, context, 'unknown')
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
  key: string,
  context: Context,
  intent: Intent,
): Promise<Value | undefined> {
  const start = { monotonicMs: context.clock.monotonicMs(), wallMs: context.clock.wallMs() }
  const entry = state.entries.get(key)
  const isForced = intent === 'recheck'
  if (entry !== undefined && isForced) state.entries.set(key, { ...entry, recheckedAtMs: start.monotonicMs })
  const isPastUse = entry === undefined || start.monotonicMs >= entry.staleUntilMs
  const previous = isPastUse ? undefined : entry.value
  const request = { key, previous, context, signal: state.closing.signal }
  try {
    const skipsSecondLevel = isForced || state.options.secondLevel === undefined
    const recalled = skipsSecondLevel ? undefined : await recallDocument(state, request, entry)
    if (recalled !== undefined) {
      if (intent === 'unknown') state.unknownBudget.giveBack()
      return keep(state, key, recalled, { fetchedAtMs: recalled.fetchedAtMs, settledUntilMs: 0 })
    }
    return settle(state, request, intent, start, await state.options.load(request))
  } catch (error) {
    fail(state, request, intent, error)
    throw error
  }
}

function settle<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  intent: Intent,
  start: Start,
  loaded: Loaded<Value> | undefined,
): Value | undefined {
  const { key, context } = request
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
  if (intent === 'unknown') state.unknownBudget.giveBack()
  if (intent === 'recheck' && loaded.isNews === true) state.recheckBudget.giveBack()
  const settledUntilMs = context.clock.monotonicMs() + SETTLED_MS
  keep(state, key, loaded, { fetchedAtMs: start.monotonicMs, settledUntilMs })
  state.options.observe?.('loaded', context)
  const { text, freshForSeconds } = loaded
  if (text !== undefined) rememberDocument(state, request, { fetchedAtMs: start.wallMs, freshForSeconds, text })
  return loaded.value
}

function keep<Value extends object, Context extends CacheContext>(
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
  const { backoff, refreshAfterMs } = state.rules
  const nowMs = context.clock.monotonicMs()
  const entry = state.entries.get(key)
  const absence = state.absences.get(key)
  const failures = (entry ?? absence)?.failures ?? 0
  const askedMs = (isOutboundError(error) ? (error.retryAfterSeconds ?? 0) : 0) * 1_000
  const waitMs = Math.max(backoffMs(failures + 1, backoff), Math.min(askedMs, refreshAfterMs))
  const failure = { failures: failures + 1, error: error ?? new Error('failed without a reason') }
  const outage = intent === 'unknown' ? state.unknownOutage : state.outage
  outage.failed(nowMs, failure.error)
  if (entry !== undefined) state.entries.set(key, { ...entry, ...failure, retryAtMs: nowMs + waitMs })
  else state.absences.set(key, { ...failure, untilMs: nowMs + waitMs, goneSinceMs: absence?.goneSinceMs })
  state.options.observe?.('load_failed', context, failure.error)
}
