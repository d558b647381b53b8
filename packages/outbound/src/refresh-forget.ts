import type { CacheContext, Loaded } from './refresh-cache.ts'
import { keep } from './refresh-flight.ts'
import type { RefreshState } from './refresh-state.ts'
import { dropStored } from './second-level-exchange.ts'

/** Drops answers, those under way included: each of these began before the cache was told. */
export function forget<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  isConcerned: (value: Value) => boolean,
  keys: readonly string[],
): void {
  const concerned = new Set(keys)
  for (const [key, { value }] of state.entries.entries()) if (isConcerned(value)) concerned.add(key)
  for (const key of concerned) {
    state.entries.delete(key)
    state.absences.delete(key)
    state.forgotten.set(key, true)
    dropStored(state, key)
  }
  for (const flight of state.flights.values()) flight.isOvertaken = true
  state.forgettings++
}

/** Takes in answers of one document that was asked for just now, unless a newer answer is known. */
export function startSeeding<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  context: Context,
): (key: string, loaded: Loaded<Value>) => void {
  const fetchedAtMs = context.clock.monotonicMs()
  const { forgettings } = state
  return (key, loaded) => {
    const known = state.entries.get(key)
    if (state.forgettings !== forgettings || (known !== undefined && known.fetchedAtMs > fetchedAtMs)) return
    state.forgotten.delete(key)
    keep(state, key, loaded, { fetchedAtMs, settledUntilMs: 0 })
  }
}
