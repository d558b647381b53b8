import type { AgentKey, AgentRecord } from '@countermark/core'
import { OutboundError } from '@countermark/outbound'
import { parseAgentRecord } from './agent-entry.ts'
import type { KeyImportRules, RefusedEntry } from './key-description.ts'
import { type KeyDocument, toKeyDocument, withoutSharedKeys } from './key-document.ts'
import { parseKeyEntry } from './key-entry.ts'
import { isJsonObject, type JsonObject, ownMember } from './own-member.ts'

/** How a registry document is read. */
export interface RegistryDocumentRules extends KeyImportRules {
  /** Whether the source may speak for an agent. */
  readonly agents: (agentId: string) => boolean
  readonly maxKeys: number
}

/**
 * Reads agents and their keys: one agent, or `{ "agents": […] }` (docs/protocol/registry-document.md). Entries are good
 * or bad one by one; a document that is none is refused whole.
 * @throws OutboundError `malformed`, `too_large`
 */
export function parseRegistryDocument(value: unknown, rules: RegistryDocumentRules): KeyDocument {
  const agents = listAgents(value)
  const keyCount = agents.reduce<number>((count, agent) => count + listKeys(agent).length, 0)
  if (keyCount > rules.maxKeys) throw new OutboundError('too_large', `the document holds over ${rules.maxKeys} keys`)
  return withoutSharedKeys(toKeyDocument(agents.flatMap((agent) => parseAgent(agent, rules))))
}

function listAgents(value: unknown): readonly unknown[] {
  if (isJsonObject(value)) {
    const agents = ownMember(value, 'agents')
    if (Array.isArray(agents)) return agents
    if (agents === undefined && (Object.hasOwn(value, 'id') || Object.hasOwn(value, 'agent_id'))) return [value]
  }
  throw new OutboundError('malformed', 'expected an agent or { "agents": [ … ] }')
}

function parseAgent(entry: unknown, rules: RegistryDocumentRules): readonly (AgentKey | RefusedEntry)[] {
  const agent = isJsonObject(entry) ? parseAgentRecord(entry) : undefined
  if (agent === undefined) return ['malformed']
  if (!rules.agents(agent.id)) return ['agent_foreign']
  return listKeys(entry).map((key) => parseKey(agent, key, rules))
}

function parseKey(agent: AgentRecord, entry: unknown, rules: RegistryDocumentRules): AgentKey | RefusedEntry {
  return isJsonObject(entry) ? parseKeyEntry(agent, entry, rules) : 'malformed'
}

/** `public_key` beside `agent_id` is the short form of an agent with one key. */
function listKeys(entry: unknown): readonly unknown[] {
  if (!isJsonObject(entry)) return []
  const publicKey = ownMember(entry, 'public_key')
  if (publicKey !== undefined) return [toKeyEntry(publicKey)]
  const keys = ownMember(entry, 'keys')
  return Array.isArray(keys) ? keys : []
}

function toKeyEntry(publicKey: unknown): JsonObject {
  if (typeof publicKey !== 'string') return { jwk: publicKey }
  return publicKey.includes('-----BEGIN') ? { pem: publicKey } : { raw: publicKey }
}
