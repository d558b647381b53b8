import type { AgentKey, KeyQuery } from '@countermark/core'

/** Keys laid out so that every question is answered by looking it up. */
export interface KeySet {
  readonly keys: readonly AgentKey[]
  /** The keys that match, in the order to try them. The arrays are shared: nothing is made for a question. */
  readonly find: (query: KeyQuery) => readonly AgentKey[]
}

/** No keys. */
export const NO_KEYS: readonly AgentKey[] = Object.freeze([])

/** Keys that one key id may stand for, at most: each costs a verification. */
const MAX_SAME_KEY_ID = 4

interface AgentKeys {
  readonly all: readonly AgentKey[]
  /** `undefined` for the most common agent, which has one key: an index of it would take more room than the key. */
  readonly byKeyId: ReadonlyMap<string, readonly AgentKey[]> | undefined
}

/**
 * Lays out the keys of one source. A key answers to its id and to its thumbprint; where the thumbprint of one key is the
 * id of another, the thumbprint counts first, so nobody can push a key aside by borrowing its name.
 */
export function createKeySet(given: readonly AgentKey[]): KeySet {
  const keys = Object.freeze(withRevocations(given).sort(byUsefulness))
  const byKeyId = indexKeyIds(keys)
  const byAgent = new Map<string, AgentKeys>()
  for (const [agentId, own] of groupBy(keys, (key) => key.agent.id)) {
    byAgent.set(agentId, { all: Object.freeze(own), byKeyId: own.length === 1 ? undefined : indexKeyIds(own) })
  }
  return {
    keys,
    find: ({ agentId, keyId }) => {
      if (agentId === undefined) return keyId === undefined ? NO_KEYS : (byKeyId.get(keyId) ?? NO_KEYS)
      const own = byAgent.get(agentId)
      if (own === undefined) return NO_KEYS
      if (keyId === undefined) return own.all
      if (own.byKeyId !== undefined) return own.byKeyId.get(keyId) ?? NO_KEYS
      return own.all[0]?.keyId === keyId || own.all[0]?.thumbprint === keyId ? own.all : NO_KEYS
    },
  }
}

/** A key that was revoked under one name does not come back under another. */
function withRevocations(keys: readonly AgentKey[]): AgentKey[] {
  const revoked = new Set(keys.filter((key) => key.state === 'revoked').map((key) => key.thumbprint))
  if (revoked.size === 0) return [...keys]
  return keys.map((key) =>
    key.state === 'active' && revoked.has(key.thumbprint) ? Object.freeze({ ...key, state: 'revoked' as const }) : key,
  )
}

/** Active keys first, the newest of them foremost. */
function byUsefulness(one: AgentKey, other: AgentKey): number {
  if (one.state !== other.state) return one.state === 'active' ? -1 : 1
  return (other.notBefore ?? 0) - (one.notBefore ?? 0)
}

function indexKeyIds(keys: readonly AgentKey[]): ReadonlyMap<string, readonly AgentKey[]> {
  const index: Map<string, readonly AgentKey[]> = groupBy(keys, (key) => key.thumbprint)
  for (const [keyId, named] of groupBy(keys, (key) => key.keyId)) {
    const first = index.get(keyId)
    index.set(keyId, first === undefined ? named : [...first, ...named.filter((key) => !first.includes(key))])
  }
  for (const [keyId, matching] of index) {
    const few = matching.length > MAX_SAME_KEY_ID ? matching.slice(0, MAX_SAME_KEY_ID) : matching
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
