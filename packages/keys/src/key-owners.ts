import { LRUCache } from 'lru-cache'
import type { KeyDocument } from './key-document.ts'

/** Remembers whose keys were seen, across documents of one source. */
export interface KeyOwners {
  /** Marks keys that another agent holds as shared, and notes whose the others are. */
  readonly claim: (document: KeyDocument) => KeyDocument
  /** A document no longer lists these keys: another agent may register them. */
  readonly release: (previous: KeyDocument['keys'], current: KeyDocument['keys']) => void
}

/**
 * Starts with no claims. An owner stays one until its own document lets the key go, however long it is silent. Bounded: a
 * registry cannot make it grow for ever.
 */
export function createKeyOwners(max: number): KeyOwners {
  const owners = new LRUCache<string, string>({ max })
  return {
    claim: (document) => {
      const shared = new Set(document.shared)
      const refused = [...document.refused]
      for (const { thumbprint, agent } of document.keys) {
        if (document.shared.has(thumbprint)) continue
        const owner = owners.get(thumbprint)
        if (owner === undefined) owners.set(thumbprint, agent.id)
        if (owner === undefined || owner === agent.id) continue
        shared.add(thumbprint)
        refused.push('key_shared')
      }
      return { ...document, shared, refused }
    },
    release: (previous, current) => {
      const kept = new Set(current.map((key) => key.thumbprint))
      for (const { thumbprint, agent } of previous) {
        if (!kept.has(thumbprint) && owners.get(thumbprint) === agent.id) owners.delete(thumbprint)
      }
    },
  }
}
