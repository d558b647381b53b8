import { isOutboundError } from './outbound-error.ts'
import type { Asker, CacheContext } from './refresh-cache.ts'
import { outageOfUnknown, refusalOf, startFlight } from './refresh-flight.ts'
import type { RefreshState } from './refresh-state.ts'

/** Reads a key of which there is no answer: what is remembered of its absence, or what a try brings. */
export function readUnknown<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
  asker: Asker | undefined,
): undefined | Promise<Value | undefined> {
  const { observe } = state.options
  const nowMs = context.clock.monotonicMs()
  const absence = state.absences.get(key)
  if (absence !== undefined && nowMs < absence.untilMs) {
    observe?.(absence.error === undefined ? 'absent' : 'failing', context)
    return absence.error === undefined ? undefined : Promise.reject(absence.error)
  }
  const flight = state.flights.get(key)
  observe?.('miss', context)
  if (flight !== undefined) return flight.promise
  const source = state.sourceOf(asker)
  // A shared cache is asked before the budget is looked at; without one the budget decides here.
  const refusal = state.options.secondLevel === undefined ? refuseUnknown(state, source, nowMs) : undefined
  if (refusal === undefined) return startFlight(state, { key, context, intent: 'unknown', source })
  observe?.(isOverBudget(refusal) ? 'over_budget' : 'failing', context)
  return Promise.reject(refusal)
}

/** Why the origin is not asked now; `undefined` when it may be. */
function refuseUnknown<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  source: string,
  nowMs: number,
): unknown {
  if (state.closing.signal.aborted || state.unknownBudget.isSpent(source, nowMs)) return refusalOf(state.closing)
  return outageOfUnknown(state, nowMs)?.error()
}

function isOverBudget(error: unknown): boolean {
  return isOutboundError(error) && (error.reason === 'over_budget' || error.reason === 'closed')
}

/**
 * The same for callers who can use an old absence. Up to `maxAgeMs` it is given at once and renewed in the background, up to
 * `staleIfErrorMs` the renewal is waited for, and the old absence is given if that fails.
 */
export function readOrOldAbsence<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  key: string,
  context: Context,
  asker: Asker | undefined,
): undefined | Promise<Value | undefined> {
  const nowMs = context.clock.monotonicMs()
  const ageMs = nowMs - (state.absences.get(key)?.goneSinceMs ?? Number.NEGATIVE_INFINITY)
  const answer = readUnknown(state, key, context, asker)
  if (answer === undefined || !(ageMs < state.rules.staleIfErrorMs)) return answer
  const settled = answer.catch(() => undefined)
  return ageMs < state.rules.maxAgeMs ? undefined : settled
}
