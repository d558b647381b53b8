import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  isRefusal,
  isUnavailable,
  type KeyQuery,
  type KeySource,
  Refusal,
  Unavailable,
} from '@countermark/core'
import {
  findAgentRecord,
  isThenable,
  type KeyCaller,
  requireUsableKey,
  type Scheme,
  then,
} from '@countermark/core/internal'
import type { ChainActor } from '../token/verified-token.ts'

/** Who knows agents, and what counts of those it does not know. */
export interface KnownAgents {
  readonly agents: KeySource
  readonly unknownAgents: 'refuse' | 'accept'
}

/** On whose behalf agents are looked up, and when. */
export interface AgentLookup {
  readonly request: KeyCaller | undefined
  readonly environment: Environment
}

/** What the keys of agents in the middle of a chain are used for: links are signed with what requests are signed with. */
export const LINK_SCHEME: Scheme = 'httpsig'

/**
 * Refuses a chain in which an agent is suspended, acts with a key that its own limits exclude, or is unknown to the source of
 * agents where all must be known. Answers with the record of the first; `undefined` for one that may be unknown.
 * @param scheme what the first one's key is used for; `undefined`: another check has decided that
 * @throws {@link Refusal} `actor_unauthorized`, `agent_suspended` and those of {@link findUsableKey}
 */
export function requireKnownActors(
  [first, ...others]: readonly ChainActor[],
  known: KnownAgents,
  lookup: AgentLookup,
  scheme: Scheme | undefined,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  if (first === undefined) return undefined
  return then(findRecord(first, known, lookup, scheme), (record) =>
    then(requireKnownActors(others, known, lookup, LINK_SCHEME), () => record),
  )
}

/** What is known of an agent does not hang on its keys: one without a usable key is no less suspended. */
function findRecord(
  { agentId, thumbprint }: ChainActor,
  { agents, unknownAgents }: KnownAgents,
  lookup: AgentLookup,
  scheme: Scheme | undefined,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  if (agentId === undefined) return requireMayBeUnknown(unknownAgents)
  const query = { agentId, acceptsOldAbsence: unknownAgents === 'accept' }
  const found = aboutToken(() => findAgentRecord(agents, query, lookup.environment, lookup.request))
  return then(found, (record) => {
    if (record === undefined) return requireMayBeUnknown(unknownAgents)
    if (record.id !== agentId) throw unknown()
    if (record.state !== 'active') throw suspended()
    if (thumbprint === undefined) return record
    return then(findOwnKeys(agentId, agents, lookup), (keys) => {
      findUsableKey(keys, thumbprint, scheme, lookup)
      return record
    })
  })
}

function requireMayBeUnknown(unknownAgents: KnownAgents['unknownAgents']): undefined {
  if (unknownAgents === 'refuse') throw unknown()
}

function suspended(): Refusal {
  return new Refusal('agent_suspended', 'an agent of the chain may not act at present', { credential: 'token' })
}

function unknown(): Refusal {
  return new Refusal('actor_unauthorized', 'an agent of the chain is not known here')
}

/**
 * Refuses a key that the source of agents does not know as this agent's.
 * @throws {@link Refusal} `actor_unauthorized` and those of {@link findUsableKey}
 */
export function requireKnownKey(
  { agentId, thumbprint }: ChainActor,
  agents: KeySource | undefined,
  lookup: AgentLookup,
  scheme: Scheme | undefined,
): void | Promise<void> {
  // The link names both, and was signed.
  const query = { agentId: agentId ?? '', keyId: thumbprint ?? '', isAgentCovered: true }
  return then(findKeysOf(query, agents, lookup), (keys) => {
    if (findUsableKey(keys, thumbprint, scheme, lookup) !== undefined) return
    throw new Refusal('actor_unauthorized', 'this key is not known here as a key of the agent that acts')
  })
}

/**
 * Refuses a proof of possession that the signer made with a key of its own that may not make it. Of a key that the source of
 * agents does not know, the issuer has said whose it is.
 * @throws {@link Refusal} those of {@link findUsableKey}
 */
export function requireUsableProof(
  { agentId, thumbprint }: Pick<ChainActor, 'agentId' | 'thumbprint'>,
  agents: KeySource,
  lookup: AgentLookup,
): void | Promise<void> {
  if (agentId === undefined || thumbprint === undefined) return
  return then(findOwnKeys(agentId, agents, lookup), (keys) => void findUsableKey(keys, thumbprint, 'dpop', lookup))
}

/**
 * The key of this thumbprint, if it is listed; its own limits hold here as everywhere. Listed more than once, one entry that
 * allows the use is enough, unless another says that the key was revoked.
 * @throws {@link Refusal} `key_revoked`, `key_not_yet_valid`, `key_expired`, `key_invalid`
 */
export function findUsableKey(
  keys: readonly AgentKey[],
  thumbprint: string | undefined,
  scheme: Scheme | undefined,
  { environment }: AgentLookup,
): AgentKey | undefined {
  const use = { scheme, nowMs: environment.clock.wallMs() }
  const listed = keys.filter((key) => key.thumbprint === thumbprint)
  const refusals = listed.map((key) => refusalOf(() => requireUsableKey(key, use)))
  const refusal = refusals.find((found) => found?.code === 'key_revoked') ?? refusals[0]
  if (refusal === undefined) return listed[0]
  const usable = listed.find((_key, index) => refusals[index] === undefined)
  if (usable !== undefined && refusal.code !== 'key_revoked') return usable
  throw ofToken(refusal)
}

function refusalOf(check: () => void): Refusal | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

function findOwnKeys(agentId: string, agents: KeySource, lookup: AgentLookup): FoundKeys {
  return findKeysOf({ agentId, isAgentCovered: true }, agents, lookup)
}

/** The keys that the source of agents lists, for a token that its issuer has signed. */
export function findKeysOf(
  query: KeyQuery,
  agents: KeySource | undefined,
  { environment, request }: AgentLookup,
): FoundKeys {
  return agents === undefined ? [] : aboutToken(() => agents.findKeys(query, environment, request))
}

type FoundKeys = ReturnType<KeySource['findKeys']>

/** What the source says against an agent is about the token that names it: no signature and no claim brought it about. */
function aboutToken<Found>(find: () => Found | Promise<Found>): Found | Promise<Found> {
  const mark = (error: unknown): never => {
    throw isRefusal(error) ? ofToken(error) : error
  }
  try {
    const found = find()
    return isThenable(found) ? found.catch(mark) : found
  } catch (error) {
    return mark(error)
  }
}

/** Marked: the caller must replace the token, or the link behind it. */
function ofToken(refusal: Refusal): Refusal {
  const { code, message, cause, retryAfterSeconds, isOfSource } = refusal
  const credential = { credential: 'token' } as const
  if (!isUnavailable(refusal)) return new Refusal(code, message, credential)
  const more = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  return new Unavailable(code, refusal.dependency, message, { cause, isOfSource, ...more, ...credential })
}
