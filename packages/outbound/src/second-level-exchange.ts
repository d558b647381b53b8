import type { CacheContext, Loaded, LoadRequest } from './refresh-cache.ts'
import type { Entry, RefreshState } from './refresh-state.ts'
import {
  forgetStored,
  readStored,
  type SecondLevel,
  type StoredDocument,
  storedKey,
  writeStored,
} from './second-level.ts'

/** The shared cache is an optimisation: slower than this, the origin is asked instead. */
const DEADLINE_MS = 100

/** What another process fetched, if it is newer than ours and still fresh enough. Never rejects. */
export async function recallDocument<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  entry: Entry<Value> | undefined,
): Promise<(Loaded<Value> & { readonly fetchedAtMs: number }) | undefined> {
  const { secondLevel, observe } = state.options
  const { clock } = request.context
  if (secondLevel === undefined || !state.secondLevelOutage.mayTry(clock.monotonicMs())) return undefined
  try {
    const wallMs = clock.wallMs()
    const key = storedKey(secondLevel.namespace, request.key)
    const stored = await readStored(secondLevel.store, key, { deadlineMs: DEADLINE_MS, nowMs: wallMs })
    state.secondLevelOutage.succeeded()
    const ageMs = stored === undefined ? Number.POSITIVE_INFINITY : Math.max(0, wallMs - stored.fetchedAtMs)
    const fetchedAtMs = clock.monotonicMs() - ageMs
    const goneSinceMs = state.absences.get(request.key)?.goneSinceMs ?? Number.NEGATIVE_INFINITY
    const isNews = fetchedAtMs > goneSinceMs && ageMs < state.rules.maxAgeMs
    const isWorthIt = entry === undefined ? isNews : isRenewal(state, entry, fetchedAtMs, ageMs)
    if (stored === undefined || !isWorthIt) return void observe?.('second_level_miss', request.context)
    const value = secondLevel.revive(stored.text, request)
    observe?.('second_level_hit', request.context)
    return { value, fetchedAtMs, freshForSeconds: stored.freshForSeconds }
  } catch (error) {
    state.secondLevelOutage.failed(clock.monotonicMs(), error)
    observe?.('second_level_failed', request.context, error)
    return undefined
  }
}

function isRenewal<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  entry: Entry<Value>,
  fetchedAtMs: number,
  ageMs: number,
): boolean {
  return fetchedAtMs > entry.fetchedAtMs && ageMs < state.rules.refreshAfterMs * 0.9
}

/** Shares what the origin answered. Nobody waits for it. */
export function rememberDocument<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  document: StoredDocument,
): void {
  const limits = { deadlineMs: DEADLINE_MS, ttlMs: state.rules.maxAgeMs }
  write(state, request, (store, key) => writeStored(store, key, document, limits))
}

/** Takes back what was shared: the origin no longer says so. Nobody waits for it. */
export function forgetDocument<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
): void {
  write(state, request, (store, key) => forgetStored(store, key, DEADLINE_MS))
}

/** Takes back what was shared because it was revoked. What fails here is made good by the age at which documents end there. */
export function dropStored<Value extends object, Context extends CacheContext>(
  { options: { secondLevel } }: RefreshState<Value, Context>,
  key: string,
): void {
  if (secondLevel === undefined) return
  forgetStored(secondLevel.store, storedKey(secondLevel.namespace, key), DEADLINE_MS).catch(() => {})
}

function write<Value extends object, Context extends CacheContext>(
  state: RefreshState<Value, Context>,
  request: LoadRequest<Value, Context>,
  send: (store: SecondLevel, key: string) => Promise<void>,
): void {
  const { secondLevel, observe } = state.options
  const { clock } = request.context
  if (secondLevel === undefined || !state.secondLevelOutage.mayTry(clock.monotonicMs())) return
  send(secondLevel.store, storedKey(secondLevel.namespace, request.key)).catch((error: unknown) => {
    state.secondLevelOutage.failed(clock.monotonicMs(), error)
    observe?.('second_level_failed', request.context, error)
  })
}
