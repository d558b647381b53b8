import type { AgentKey, AgentRecord } from '@countermark/core'
import type { RefusedEntry } from './key-description.ts'

/** What was read out of a document: agents and keys that are good, and why other entries are not. */
export interface KeyDocument {
  /** Every agent it speaks of, each once, with or without a key that can be used. */
  readonly agents: readonly AgentRecord[]
  readonly keys: readonly AgentKey[]
  /** Thumbprints of keys that several agents claim: without a name in what was signed, it could be any of them. */
  readonly shared: ReadonlySet<string>
  readonly refused: readonly RefusedEntry[]
}

/** A document that says nothing. */
export const EMPTY_DOCUMENT: KeyDocument = { agents: [], keys: [], shared: new Set(), refused: [] }

/** Collects entries, good and bad, and finds the keys that several agents claim. */
export function toKeyDocument(
  agents: readonly AgentRecord[],
  entries: readonly (AgentKey | RefusedEntry)[],
): KeyDocument {
  const keys: AgentKey[] = []
  const refused: RefusedEntry[] = []
  for (const entry of entries) {
    if (typeof entry === 'string') refused.push(entry)
    else keys.push(entry)
  }
  const shared = findSharedKeys(keys)
  const further = keys.filter((key) => shared.has(key.thumbprint)).map(() => 'key_shared' as const)
  return { agents, keys, shared, refused: further.length === 0 ? refused : [...refused, ...further] }
}

function findSharedKeys(keys: readonly AgentKey[]): ReadonlySet<string> {
  const owners = new Map<string, string>()
  const shared = new Set<string>()
  for (const { thumbprint, agent } of keys) {
    const owner = owners.get(thumbprint)
    if (owner === undefined) owners.set(thumbprint, agent.id)
    else if (owner !== agent.id) shared.add(thumbprint)
  }
  return shared
}
