import { type ImportPublicKey, rememberKeys } from '@countermark/core/internal'
import { isOutboundError, OutboundError } from '@countermark/outbound'
import { createLRU } from 'lru.min'
import type { KeyDocument } from '../key-document.ts'
import { NO_KEYS } from '../key-set.ts'
import type { DocumentKind, DocumentRequest } from '../remote/remote-keys.ts'
import { MAX_DOCUMENT_KEYS, type RemoteKeysRules } from '../remote/remote-options.ts'
import { parseRegistryDocument, type RegistryDocumentRules } from './registry-document.ts'

/** The first letter of an entry says what was asked for; the rest is the id. */
export const BY_AGENT = 'a'
/** The same for keys. */
export const BY_KEY = 'k'

/** How the documents of one registry are asked for and read. */
export interface RegistryKind extends DocumentKind {
  readonly owners: KeyOwners
  /** Reads part of a document of all agents. */
  readonly parsePart: (agents: readonly unknown[]) => KeyDocument
}

/** What a registry is read by. */
export interface RegistryKindRules {
  readonly remote: RemoteKeysRules
  readonly agents: (agentId: string) => boolean
  /** Keys that are remembered as whose they are, and as imported. */
  readonly maxKeys: number
}

/** Makes the kind of document that a registry answers with. */
export function createRegistryKind({ remote, agents, maxKeys }: RegistryKindRules): RegistryKind {
  const owners = new KeyOwners(Math.max(maxKeys, MAX_DOCUMENT_KEYS * 1_000))
  const { allowTestKeys } = remote
  const importKey: ImportPublicKey = rememberKeys(maxKeys)
  const rules: Omit<RegistryDocumentRules, 'maxKeys'> = { allowTestKeys, importKey, agents }
  return {
    owners,
    urlOf: (entry) => toUrl(remote.url, entry),
    isAbsence: isJson404,
    gone: (previous) => owners.release(previous, NO_KEYS),
    parse: (value, request) => {
      const parsed = parseRegistryDocument(value, { ...rules, maxKeys: MAX_DOCUMENT_KEYS })
      return claimKeys(owners, onlyAskedFor(parsed, request.key), request)
    },
    parsePart: (part) => parseRegistryDocument({ agents: part }, { ...rules, maxKeys: Number.POSITIVE_INFINITY }),
  }
}

function toUrl(base: URL, entry: string): string {
  const id = encodeURIComponent(entry.slice(1))
  const { origin, pathname, search } = base
  if (entry.startsWith(BY_AGENT)) return `${origin}${pathname.replace(/\/$/, '')}/${id}${search}`
  return `${origin}${pathname}${search === '' ? '?' : `${search}&`}keyid=${id}`
}

/** A registry's own "not found" is JSON; a page of HTML comes from somewhere else and proves nothing. */
function isJson404(error: unknown): boolean {
  if (!isOutboundError(error) || error.status !== 404) return false
  return error.contentType === 'application/json' || error.contentType === 'application/problem+json'
}

/** What was not asked for does not count: a registry cannot slip in other agents by the way. */
function onlyAskedFor(document: KeyDocument, entry: string): KeyDocument {
  return entry.startsWith(BY_KEY) ? onlyOfKey(document, entry.slice(1)) : onlyOfAgent(document, entry.slice(1))
}

function onlyOfKey(document: KeyDocument, id: string): KeyDocument {
  const named = document.keys.filter((key) => key.keyId === id || key.thumbprint === id)
  const thumbprints = new Set(named.map((key) => key.thumbprint))
  // With its other names: under one of them it may be revoked.
  const keys = document.keys.filter((key) => thumbprints.has(key.thumbprint))
  const owners = new Set(keys.map((key) => key.agent.id))
  return { ...document, keys, agents: document.agents.filter((agent) => owners.has(agent.id)) }
}

function onlyOfAgent(document: KeyDocument, id: string): KeyDocument {
  const agents = document.agents.filter((agent) => agent.id === id)
  if (agents.length === 0 && document.agents.length > 0) {
    throw new OutboundError('malformed', 'the document is of another agent')
  }
  const keys = document.keys.filter((key) => key.agent.id === id)
  const foreign = new Array<'agent_foreign'>(document.keys.length - keys.length).fill('agent_foreign')
  return { ...document, agents, keys, refused: [...document.refused, ...foreign] }
}

function claimKeys(owners: KeyOwners, document: KeyDocument, request: DocumentRequest): KeyDocument {
  const claimed = owners.claim(document)
  owners.release(request.previous?.keys ?? NO_KEYS, claimed.keys)
  return claimed
}

/**
 * Remembers whose keys were seen, across documents of one source. An owner stays one until its own document lets the key go,
 * however long it is silent. Bounded: a registry cannot make it grow for ever.
 */
export class KeyOwners {
  readonly #owners: ReturnType<typeof createLRU<string, string>>

  constructor(max: number) {
    this.#owners = createLRU({ max })
  }

  /** Marks keys that another agent holds as shared, and notes whose the others are. */
  claim(document: KeyDocument): KeyDocument {
    const shared = new Set(document.shared)
    const refused = [...document.refused]
    for (const { thumbprint, agent } of document.keys) {
      if (document.shared.has(thumbprint)) continue
      const owner = this.#owners.get(thumbprint)
      if (owner === undefined) this.#owners.set(thumbprint, agent.id)
      if (owner === undefined || owner === agent.id) continue
      shared.add(thumbprint)
      refused.push('key_shared')
    }
    return { ...document, shared, refused }
  }

  /** A document no longer lists these keys: another agent may register them. */
  release(previous: KeyDocument['keys'], current: KeyDocument['keys']): void {
    const kept = new Set(current.map((key) => key.thumbprint))
    for (const { thumbprint, agent } of previous) {
      if (!kept.has(thumbprint) && this.#owners.get(thumbprint) === agent.id) this.#owners.delete(thumbprint)
    }
  }
}
