import {
  type AgentKey,
  type Environment,
  isRefusal,
  isThenable,
  type KeyQuery,
  type MetricRow,
  Unavailable,
} from '@countermark/core'
import { createRefreshCache, isOutboundError, type LoadRequest, type RefreshCache } from '@countermark/outbound'
import { type FetchedKeys, settleDocument, toFetchedKeys } from './fetched-keys.ts'
import type { KeyDocument } from './key-document.ts'
import { createKeyMeasurements, type KeyMeasurements } from './key-measurements.ts'
import { type KeySet, NO_KEYS } from './key-set.ts'
import { misconfigured, type RemoteKeysRules } from './remote-options.ts'

/** Asks the cache about one document. */
export type DocumentRequest = LoadRequest<FetchedKeys, Environment>

/** What a kind of source knows about its documents. */
export interface DocumentKind {
  readonly urlOf: (entry: string) => string
  /** @throws OutboundError when the value is no document of this kind */
  readonly parse: (value: unknown, request: DocumentRequest) => KeyDocument
  /** Whether a failure is the origin's way to say that there is nothing. */
  readonly isAbsence: (error: unknown) => boolean
}

/** Documents of keys, fetched and kept. */
export interface RemoteKeys {
  /** The keys of one document that match. Rejects with `Unavailable` when nobody can tell. */
  readonly find: (
    entry: string,
    query: KeyQuery,
    environment: Environment,
  ) => readonly AgentKey[] | Promise<readonly AgentKey[]>
  readonly metrics: readonly MetricRow[]
  readonly close: () => void
}

/** Puts a kind of document behind the refresh cache. */
export function createRemoteKeys(kind: DocumentKind, rules: RemoteKeysRules): RemoteKeys {
  const measurements = createKeyMeasurements(rules.name)
  const cache = createCache(kind, rules, measurements)
  return {
    metrics: measurements.metrics,
    find: (entry, query, environment) => {
      const known = cache.read(entry, environment)
      if (isThenable(known)) return findLater(known, query, () => cache.recheck(entry, environment))
      const keys = known?.find(query) ?? NO_KEYS
      if (known === undefined || keys.length > 0 || query.keyId === undefined) return keys
      const newer = cache.recheck(entry, environment)
      return isThenable(newer) ? findLater(newer, query) : (newer?.find(query) ?? NO_KEYS)
    },
    close: cache.close,
  }
}

type Answer = KeySet | undefined | Promise<KeySet | undefined>

async function findLater(answer: Answer, query: KeyQuery, recheck?: () => Answer): Promise<readonly AgentKey[]> {
  try {
    const known = await answer
    const keys = known?.find(query) ?? NO_KEYS
    if (known === undefined || keys.length > 0 || query.keyId === undefined || recheck === undefined) return keys
    return (await recheck())?.find(query) ?? NO_KEYS
  } catch (error) {
    throw toUnavailable(error)
  }
}

function createCache(
  kind: DocumentKind,
  rules: RemoteKeysRules,
  measurements: KeyMeasurements,
): RefreshCache<FetchedKeys, Environment> {
  const { secondLevel, namespace, times } = rules
  const revive = (text: string, request: DocumentRequest): FetchedKeys => {
    return toFetchedKeys(kind.parse(JSON.parse(text), request).keys)
  }
  try {
    return createRefreshCache<FetchedKeys, Environment>({
      times,
      observe: measurements.cacheEvent,
      ...(secondLevel === undefined ? {} : { secondLevel: { store: secondLevel, namespace, revive } }),
      load: async (request) => {
        const { document, answer } = await fetchDocument(kind, rules, request)
        measurements.refusedEntries(document.refused, request.context)
        return settleDocument(document, request.previous, answer)
      },
    })
  } catch (error) {
    throw misconfigured(rules.name, error)
  }
}

interface Fetched {
  readonly document: KeyDocument
  readonly answer: { readonly text?: string; readonly freshForSeconds?: number | undefined }
}

async function fetchDocument(kind: DocumentKind, rules: RemoteKeysRules, request: DocumentRequest): Promise<Fetched> {
  try {
    const { value, text, freshForSeconds } = await rules.fetcher.fetchJson(kind.urlOf(request.key), request.signal)
    return { document: kind.parse(value, request), answer: { text, freshForSeconds } }
  } catch (error) {
    if (kind.isAbsence(error)) return { document: { keys: [], refused: [] }, answer: {} }
    throw error
  }
}

const LONGEST_RETRY_SECONDS = 60

function toUnavailable(cause: unknown): unknown {
  if (isRefusal(cause)) return cause
  const asked = isOutboundError(cause) ? (cause.retryAfterSeconds ?? 1) : 1
  const retryAfterSeconds = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil(asked)))
  const details = { cause, retryAfterSeconds }
  return new Unavailable('key_source_unavailable', 'keys', 'the source of keys cannot be reached', details)
}
