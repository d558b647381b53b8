import { type KeySource, rememberKeys } from '@countermark/core'
import { isOutboundError, OutboundError } from '@countermark/outbound'
import { isAskable } from './is-askable.ts'
import type { KeyDocument } from './key-document.ts'
import { createKeyOwners, type KeyOwners } from './key-owners.ts'
import { NO_KEYS } from './key-set.ts'
import { parseRegistryDocument } from './registry-document.ts'
import { createRemoteKeys, type DocumentKind, type DocumentRequest } from './remote-keys.ts'
import {
  MAX_DOCUMENT_KEYS,
  MAX_REMEMBERED_KEYS,
  type RemoteKeysOptions,
  type RemoteKeysRules,
  readRemoteOptions,
} from './remote-options.ts'

/** Options of {@link registry}. */
export interface RegistryOptions extends RemoteKeysOptions {
  /** The agents this registry may speak for. @default all */
  readonly agents?: (agentId: string) => boolean
}

const KIND = { name: 'registry', contentTypes: ['application/json'], options: ['agents'] } as const

/** The first letter of an entry says what was asked for; the rest is the id. */
const BY_AGENT = 'a'
const BY_KEY = 'k'

/**
 * Agents and their keys from a registry that answers `{url}/{agentId}` and `{url}?keyid={keyId}` with the document of
 * docs/protocol/registry-document.md.
 * @example registry('https://registry.example.com/agent-keys')
 * @throws {@link Misconfigured}
 */
export function registry(url: string, options: RegistryOptions = {}): KeySource {
  const rules = readRemoteOptions(KIND, url, options)
  const keys = createRemoteKeys(createDocumentKind(rules, options.agents ?? (() => true)), rules)
  return {
    name: rules.name,
    metrics: keys.metrics,
    findKeys: (query, environment, caller) => {
      if (!isAskable(query)) return NO_KEYS
      const entry = query.agentId === undefined ? BY_KEY + query.keyId : BY_AGENT + query.agentId
      return keys.find(entry, query, environment, caller)
    },
    findAgent: (query, environment, caller) => {
      if (!isAskable(query)) return undefined
      return keys.findAgent(BY_AGENT + query.agentId, query, environment, caller)
    },
    forget: (revoked) =>
      keys.forget(revoked, ['agentId' in revoked ? BY_AGENT + revoked.agentId : BY_KEY + revoked.thumbprint]),
    close: keys.close,
  }
}

function createDocumentKind(rules: RemoteKeysRules, agents: (agentId: string) => boolean): DocumentKind {
  const owners = createKeyOwners(MAX_DOCUMENT_KEYS * 1_000)
  const { allowTestKeys } = rules
  const importKey = rememberKeys(MAX_REMEMBERED_KEYS)
  return {
    urlOf: (entry) => toUrl(rules.url, entry),
    isAbsence: isJson404,
    gone: (previous) => owners.release(previous, NO_KEYS),
    parse: (value, request) => {
      const parsed = parseRegistryDocument(value, {
        allowTestKeys,
        importKey,
        agents,
        maxKeys: MAX_DOCUMENT_KEYS,
      })
      return claimKeys(owners, onlyAskedFor(parsed, request.key), request)
    },
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
