import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  isRefusal,
  type KeyQuery,
  type MetricRow,
  Unavailable,
} from '@countermark/core'
import {
  type AgentQuery,
  addressPrefix,
  isThenable,
  type KeyCaller,
  type RevokedKeys,
} from '@countermark/core/internal'
import { isOutboundError, RefreshCache } from '@countermark/outbound'
import type { LoadRequest } from '@countermark/outbound/internal'
import { EMPTY_DOCUMENT, type KeyDocument } from '../key-document.ts'
import { type KeySet, NO_KEYS } from '../key-set.ts'
import { type FetchedKeys, settleDocument, toFetchedKeys } from './fetched-keys.ts'
import { createKeyMeasurements, type KeyMeasurements } from './key-measurements.ts'
import type { RemoteKeysRules } from './remote-options.ts'

/** Asks the cache about one document. */
export type DocumentRequest = LoadRequest<FetchedKeys, Environment>

/** What a kind of source knows about its documents. */
export interface DocumentKind {
  readonly urlOf: (entry: string) => string
  /** @throws OutboundError when the value is no document of this kind */
  readonly parse: (value: unknown, request: DocumentRequest) => KeyDocument
  /** Told that the document which held these keys is gone. */
  readonly gone?: (previous: readonly AgentKey[]) => void
  /** Whether a failure is the origin's way to say that there is nothing. */
  readonly isAbsence: (error: unknown) => boolean
}

/** Documents of keys, fetched and kept. */
export interface RemoteKeys {
  /** The keys of one document that match. Rejects with `Unavailable` when the source cannot tell. */
  readonly find: (
    entry: string,
    query: KeyQuery,
    environment: Environment,
    caller: KeyCaller | undefined,
  ) => readonly AgentKey[] | Promise<readonly AgentKey[]>
  /** What one document says of an agent. Rejects likewise. */
  readonly findAgent: (
    entry: string,
    query: AgentQuery,
    environment: Environment,
    caller: KeyCaller | undefined,
  ) => AgentRecord | undefined | Promise<AgentRecord | undefined>
  /** Forgets documents that name the agent or the key, and those that are named. */
  readonly forget: (revoked: RevokedKeys, entries: readonly string[]) => void
  /** Takes in documents that came together, each as if it had been asked for now. */
  readonly startSeeding: (environment: Environment) => Seed
  readonly measurements: KeyMeasurements
  readonly metrics: readonly MetricRow[]
  readonly close: () => void
}

/** Puts what is known of one document into the cache, unless something newer is there. */
export type Seed = (entry: string, keys: FetchedKeys) => void

/** Puts a kind of document behind the refresh cache. */
export function createRemoteKeys(kind: DocumentKind, rules: RemoteKeysRules): RemoteKeys {
  const measurements = createKeyMeasurements(rules.name)
  const cache = createCache(kind, rules, measurements)
  return {
    measurements,
    metrics: measurements.metrics,
    startSeeding: (environment) => {
      const seed = cache.startSeeding(environment)
      return (entry, keys) => seed(entry, { value: keys })
    },
    find: (entry, query, environment, caller) => {
      const known = cache.read(entry, environment, caller)
      if (isThenable(known)) return findLater(known, query, () => cache.recheck(entry, environment, caller))
      const keys = known?.find(query) ?? NO_KEYS
      if (known === undefined || keys.length > 0 || query.keyId === undefined) return keys
      const newer = cache.recheck(entry, environment, caller)
      return isThenable(newer) ? findLater(newer, query) : (newer?.find(query) ?? NO_KEYS)
    },
    findAgent: (entry, { agentId, acceptsOldAbsence = false }, environment, caller) => {
      const known = acceptsOldAbsence
        ? cache.readOrOldAbsence(entry, environment, caller)
        : cache.read(entry, environment, caller)
      return isThenable(known) ? findAgentLater(known, agentId) : known?.findAgent(agentId)
    },
    forget: (revoked, entries) => cache.forget((keys) => isAbout(keys, revoked), entries),
    close: () => cache.close(),
  }
}

function isAbout({ keys, agents }: FetchedKeys, revoked: RevokedKeys): boolean {
  if ('agentId' in revoked) return agents.some(({ id }) => id === revoked.agentId)
  return keys.some(({ thumbprint }) => thumbprint === revoked.thumbprint)
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

async function findAgentLater(answer: Answer, agentId: string): Promise<AgentRecord | undefined> {
  try {
    return (await answer)?.findAgent(agentId)
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
    return toFetchedKeys(kind.parse(JSON.parse(text), request))
  }
  return new RefreshCache<FetchedKeys, Environment>({
    times,
    observe: measurements.cacheEvent,
    sourceOf: addressPrefix,
    ...(secondLevel === undefined ? {} : { secondLevel: { store: secondLevel, namespace, revive } }),
    load: async (request) => {
      const { document, answer } = await fetchDocument(kind, rules, request)
      measurements.refusedEntries(document.refused, request.context)
      const loaded = settleDocument(document, request.previous, answer)
      if (loaded === undefined && request.previous !== undefined) kind.gone?.(request.previous.keys)
      return loaded
    },
  })
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
    if (kind.isAbsence(error)) return { document: EMPTY_DOCUMENT, answer: {} }
    throw error
  }
}

const LONGEST_RETRY_SECONDS = 60

function toUnavailable(cause: unknown): unknown {
  if (isRefusal(cause)) return cause
  const asked = isOutboundError(cause) ? (cause.retryAfterSeconds ?? 1) : 1
  const retryAfterSeconds = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil(asked)))
  const details = { cause, retryAfterSeconds, isOfSource: isOutboundError(cause) && cause.reason === 'over_budget' }
  return new Unavailable('key_source_unavailable', 'keys', 'the source of keys cannot be reached', details)
}
