import type { AgentKey } from '@countermark/core'
import type { RefusedEntry } from './key-description.ts'

/** What was read out of a document: the keys that are good, and why the others are not. */
export interface KeyDocument {
  readonly keys: readonly AgentKey[]
  readonly refused: readonly RefusedEntry[]
}

/** Collects entries, good and bad. */
export function toKeyDocument(entries: readonly (AgentKey | RefusedEntry)[]): KeyDocument {
  const keys: AgentKey[] = []
  const refused: RefusedEntry[] = []
  for (const entry of entries) {
    if (typeof entry === 'string') refused.push(entry)
    else keys.push(entry)
  }
  return { keys, refused }
}

/** Takes out keys that two agents claim: nobody could tell whose signature it is. */
export function withoutSharedKeys(document: KeyDocument): KeyDocument {
  const owners = new Map<string, string>()
  const shared = new Set<string>()
  for (const { thumbprint, agent } of document.keys) {
    const owner = owners.get(thumbprint) ?? agent.id
    owners.set(thumbprint, owner)
    if (owner !== agent.id) shared.add(thumbprint)
  }
  if (shared.size === 0) return document
  const keys = document.keys.filter((key) => !shared.has(key.thumbprint))
  const refused = document.keys.filter((key) => shared.has(key.thumbprint)).map(() => 'key_shared' as const)
  return { keys, refused: [...document.refused, ...refused] }
}
