import type { AgentKey, AgentRecord, KeyQuery } from '@countermark/core'
import { isAgentId, isKeyId } from '@countermark/core/internal'

/** Keys laid out so that every question is answered by looking it up. */
export interface KeySet {
  readonly keys: readonly AgentKey[]
  readonly agents: readonly AgentRecord[]
  /** The keys that match, in the order to try them. The arrays are shared: nothing is made for a question. */
  readonly find: (query: KeyQuery) => readonly AgentKey[]
  readonly findAgent: (agentId: string) => AgentRecord | undefined
}

/** What a set is made of. */
export interface KeySetContent {
  readonly keys: readonly AgentKey[]
  /** Agents beside those that the keys name. @default none */
  readonly agents?: readonly AgentRecord[]
  /** Thumbprints of keys that several agents claim. @default none */
  readonly shared?: ReadonlySet<string>
}

/** No keys. */
export const NO_KEYS: readonly AgentKey[] = Object.freeze([])

/** Keys of one agent that one key id may stand for, at most: each costs a verification. */
const MAX_SAME_KEY_ID = 4
/** The same for all agents together: they choose the same key ids by accident, or to crowd others out. */
const MAX_SAME_KEY_ID_OF_ALL = 16

interface AgentKeys {
  readonly all: readonly AgentKey[]
  /** `undefined` for the most common agent, which has one key: an index of it would take more room than the key. */
  readonly byKeyId: ReadonlyMap<string, readonly AgentKey[]> | undefined
}

const NOTHING_SHARED: ReadonlySet<string> = new Set()

/**
 * Lays out the keys of one source. A key answers to its id and to its thumbprint; where the thumbprint of one key is the
 * id of another, the thumbprint counts first, so a key cannot be pushed aside by borrowing its name.
 */
export function createKeySet({ keys: given, agents = [], shared = NOTHING_SHARED }: KeySetContent): KeySet {
  const keys = Object.freeze(withRevocations(given).sort(byUsefulness))
  const unshared = shared.size === 0 ? keys : keys.filter((key) => !shared.has(key.thumbprint))
  const byKeyId = indexKeyIds(unshared, MAX_SAME_KEY_ID_OF_ALL)
  const byAgent = indexAgents(keys)
  const byAgentUnshared = unshared === keys ? byAgent : indexAgents(unshared)
  const records = new Map<string, AgentRecord>()
  for (const { agent } of keys) if (!records.has(agent.id)) records.set(agent.id, agent)
  for (const agent of agents) records.set(agent.id, agent)
  return {
    keys,
    agents: [...records.values()],
    find: ({ agentId, keyId, isAgentCovered = false }) => {
      if (agentId === undefined) return keyId === undefined ? NO_KEYS : (byKeyId.get(keyId) ?? NO_KEYS)
      const own = (isAgentCovered ? byAgent : byAgentUnshared).get(agentId)
      return own === undefined ? NO_KEYS : keysNamed(keyId, own)
    },
    findAgent: (agentId) => records.get(agentId),
  }
}

function keysNamed(keyId: string | undefined, { all, byKeyId }: AgentKeys): readonly AgentKey[] {
  if (keyId === undefined) return all
  if (byKeyId !== undefined) return byKeyId.get(keyId) ?? NO_KEYS
  const [only] = all
  return only?.keyId === keyId || only?.thumbprint === keyId ? all : NO_KEYS
}

/** A key that an agent revoked under one name does not come back under another. */
function withRevocations(keys: readonly AgentKey[]): AgentKey[] {
  const nameOf = ({ thumbprint, agent }: AgentKey): string => `${thumbprint} ${agent.id}`
  const revoked = new Set(keys.filter((key) => key.state === 'revoked').map(nameOf))
  if (revoked.size === 0) return [...keys]
  return keys.map((key) =>
    key.state === 'active' && revoked.has(nameOf(key)) ? Object.freeze({ ...key, state: 'revoked' as const }) : key,
  )
}

/** Active keys first, the newest of them foremost. */
function byUsefulness(one: AgentKey, other: AgentKey): number {
  if (one.state !== other.state) return one.state === 'active' ? -1 : 1
  return (other.notBefore ?? 0) - (one.notBefore ?? 0)
}

function indexAgents(keys: readonly AgentKey[]): ReadonlyMap<string, AgentKeys> {
  const byAgent = new Map<string, AgentKeys>()
  for (const [agentId, own] of groupBy(keys, (key) => key.agent.id)) {
    const byKeyId = own.length === 1 ? undefined : indexKeyIds(own, MAX_SAME_KEY_ID)
    byAgent.set(agentId, { all: Object.freeze(own), byKeyId })
  }
  return byAgent
}

function indexKeyIds(keys: readonly AgentKey[], most: number): ReadonlyMap<string, readonly AgentKey[]> {
  const index: Map<string, readonly AgentKey[]> = groupBy(keys, (key) => key.thumbprint)
  for (const [keyId, named] of groupBy(keys, (key) => key.keyId)) {
    const first = index.get(keyId)
    index.set(keyId, first === undefined ? named : [...first, ...named.filter((key) => !first.includes(key))])
  }
  for (const [keyId, matching] of index) {
    const few = matching.length > most ? matching.slice(0, most) : matching
    index.set(keyId, Object.freeze(few))
  }
  return index
}

function groupBy(keys: readonly AgentKey[], nameOf: (key: AgentKey) => string): Map<string, AgentKey[]> {
  const groups = new Map<string, AgentKey[]>()
  for (const key of keys) {
    const name = nameOf(key)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [key])
    else group.push(key)
  }
  return groups
}

/** Whether any key can match. A question that none can match must cost nothing and be asked nowhere. */
export function isAskable({ agentId, keyId }: KeyQuery): boolean {
  if (agentId === undefined) return keyId !== undefined && isKeyId(keyId)
  return isAgentId(agentId) && (keyId === undefined || isKeyId(keyId))
}
