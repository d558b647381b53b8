import { LRUCache } from 'lru-cache'
import { type KeyDocument, withoutSharedKeys } from './key-document.ts'

/** Remembers whose keys were seen, across documents of one source. */
export interface KeyOwners {
  /** Takes out keys that another agent holds, and notes whose the others are. */
  readonly claim: (document: KeyDocument, nowMs: number) => KeyDocument
  /** A document no longer lists these keys: somebody else may register them. */
  readonly release: (previous: KeyDocument['keys'], document: KeyDocument) => void
}

interface Owner {
  readonly agentId: string
  readonly seenAtMs: number
}

/** A claim that nobody renewed for that long no longer stands in the way of another agent. */
const CLAIM_MS = 3_600_000

/** Starts with no claims. Bounded: a registry cannot make it grow for ever. */
export function createKeyOwners(max: number): KeyOwners {
  const owners = new LRUCache<string, Owner>({ max })
  const isOthers = (thumbprint: string, agentId: string, nowMs: number): boolean => {
    const owner = owners.get(thumbprint)
    return owner !== undefined && owner.agentId !== agentId && nowMs - owner.seenAtMs < CLAIM_MS
  }
  return {
    claim: (given, nowMs) => {
      const document = withoutSharedKeys(given)
      const keys = document.keys.filter((key) => !isOthers(key.thumbprint, key.agent.id, nowMs))
      for (const { thumbprint, agent } of keys) owners.set(thumbprint, { agentId: agent.id, seenAtMs: nowMs })
      const shared = new Array<'key_shared'>(document.keys.length - keys.length).fill('key_shared')
      return { keys, refused: [...document.refused, ...shared] }
    },
    release: (previous, document) => {
      const kept = new Set(document.keys.map((key) => key.thumbprint))
      for (const { thumbprint, agent } of previous) {
        if (!kept.has(thumbprint) && owners.get(thumbprint)?.agentId === agent.id) owners.delete(thumbprint)
      }
    },
  }
}
