import type { AgentKey, AgentRecord } from '@countermark/core'
import {
  isJsonObject,
  isSignatureAlgorithm,
  type JsonObject,
  type KeyMaterial,
  type Scheme,
} from '@countermark/core/internal'
import { OutboundError } from '@countermark/outbound'
import {
  type KeyDocument,
  type KeyImportRules,
  ownMember,
  type RefusedEntry,
  readTime,
  toAgentKey,
  toKeyDocument,
} from '../key-document.ts'
import { parseAgentEntry, suspendedAgent } from './agent-entry.ts'

/** How a registry document is read. */
export interface RegistryDocumentRules extends KeyImportRules {
  /** Whether the source may speak for an agent. */
  readonly agents: (agentId: string) => boolean
  readonly maxKeys: number
  /** Told of each entry that cannot be read or used, and of none that `agents` leaves out. @default not told */
  readonly onRefused?: (refused: RefusedPlace) => void
}

/** An entry that cannot be read or used, by its place in the document. */
export interface RefusedPlace {
  /** Such as `agents[2]` or `keys[0] of agt_7f2k9x`. */
  readonly where: string
  readonly what: 'agent' | 'key'
  readonly reason: RefusedEntry
  readonly entry: unknown
}

interface AgentEntry {
  readonly id: string
  readonly keys: readonly unknown[]
}

/**
 * Reads agents and their keys: one agent, or `{ "agents": […] }` (docs/protocol/registry-document.md). Keys are good or bad
 * one by one, and an agent is known even if none of them is good; a document that is none is refused whole.
 * @throws OutboundError `malformed`, `too_large`
 */
export function parseRegistryDocument(value: unknown, rules: RegistryDocumentRules): KeyDocument {
  const listed = listAgents(value)
  const keyCount = listed.reduce<number>((count, agent) => count + listKeys(agent).length, 0)
  if (keyCount > rules.maxKeys) throw new OutboundError('too_large', `the document holds over ${rules.maxKeys} keys`)
  const { entries, records, refused } = readAgents(listed, rules)
  const keys = entries.flatMap(({ id, keys }) => {
    const agent = records.get(id)
    return agent === undefined ? [] : keys.map((key, index) => parseKey(agent, key, index, rules))
  })
  return toKeyDocument([...records.values()], [...refused, ...keys])
}

function listAgents(value: unknown): readonly unknown[] {
  if (isJsonObject(value)) {
    const agents = ownMember(value, 'agents')
    if (Array.isArray(agents)) return agents
    if (agents === undefined && (Object.hasOwn(value, 'id') || Object.hasOwn(value, 'agent_id'))) return [value]
  }
  throw new OutboundError('malformed', 'expected an agent or { "agents": [ … ] }')
}

interface ReadAgents {
  readonly entries: readonly AgentEntry[]
  readonly records: ReadonlyMap<string, AgentRecord>
  readonly refused: readonly RefusedEntry[]
}

function readAgents(listed: readonly unknown[], rules: RegistryDocumentRules): ReadAgents {
  const entries: AgentEntry[] = []
  const records = new Map<string, AgentRecord>()
  const refused: RefusedEntry[] = []
  for (const [index, entry] of listed.entries()) {
    const agent = isJsonObject(entry) ? parseAgentEntry(entry) : undefined
    const isForeign = agent !== undefined && !rules.agents(agent.record.id)
    if (agent === undefined || agent.isMalformed) {
      refused.push('malformed')
      if (!isForeign) rules.onRefused?.({ where: `agents[${index}]`, what: 'agent', reason: 'malformed', entry })
    } else if (isForeign) refused.push('agent_foreign')
    if (agent === undefined || isForeign) continue
    const { record } = agent
    records.set(record.id, unite(records.get(record.id), record))
    entries.push({ id: record.id, keys: listKeys(entry) })
  }
  return { entries, records, refused }
}

/** An agent that is listed twice in different words counts as suspended: only its name is certain. */
function unite(known: AgentRecord | undefined, record: AgentRecord): AgentRecord {
  if (known === undefined || JSON.stringify(known) === JSON.stringify(record)) return record
  return suspendedAgent(record.id)
}

function parseKey(
  agent: AgentRecord,
  entry: unknown,
  index: number,
  rules: RegistryDocumentRules,
): AgentKey | RefusedEntry {
  const key = isJsonObject(entry) ? parseKeyEntry(agent, entry, rules) : 'malformed'
  if (typeof key === 'string') {
    rules.onRefused?.({ where: `keys[${index}] of ${agent.id}`, what: 'key', reason: key, entry })
  }
  return key
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

const SCHEMES: readonly Scheme[] = ['httpsig', 'simple-v1', 'simple-v0', 'challenge', 'action', 'dpop', 'mtls']

/** Reads one key of an agent out of a registry document. What it does not understand, it refuses. */
export function parseKeyEntry(agent: AgentRecord, entry: JsonObject, options: KeyImportRules): AgentKey | RefusedEntry {
  const material = materialOf(entry)
  const keyId = ownMember(entry, 'id') ?? keyIdOf(material)
  const algorithm = ownMember(entry, 'algorithm')
  const state = ownMember(entry, 'state') ?? 'active'
  const notBefore = readTime(ownMember(entry, 'notBefore'))
  const notAfter = readTime(ownMember(entry, 'notAfter'))
  const schemes = ownMember(entry, 'schemes')
  if (material === undefined || typeof state !== 'string') return 'malformed'
  if (notBefore === 'malformed' || notAfter === 'malformed') return 'malformed'
  if (schemes !== undefined && !Array.isArray(schemes)) return 'malformed'
  if (algorithm !== undefined && !(typeof algorithm === 'string' && isSignatureAlgorithm(algorithm))) return 'malformed'
  if (keyId !== undefined && typeof keyId !== 'string') return 'key_id_invalid'
  const known = schemes === undefined ? undefined : Object.freeze(SCHEMES.filter((scheme) => schemes.includes(scheme)))
  const description = { material, keyId, algorithm, state: toKeyState(state), notBefore, notAfter, schemes: known }
  return toAgentKey(agent, description, options)
}

/** Whatever another word means, it says that the key is not simply active: skipped as damage, it would live on in the cache. */
function toKeyState(state: string): AgentKey['state'] {
  return state === 'active' ? 'active' : 'revoked'
}

/** Exactly one of `jwk`, `pem` and `raw`: a second one could be another key. */
function materialOf(entry: JsonObject): KeyMaterial | undefined {
  const [jwk, pem, raw] = ['jwk', 'pem', 'raw'].map((name) => ownMember(entry, name))
  if ([jwk, pem, raw].filter((form) => form !== undefined).length !== 1) return undefined
  if (isJsonObject(jwk)) return jwk
  if (typeof pem === 'string') return pem.includes('-----BEGIN') ? pem : undefined
  return typeof raw === 'string' && !raw.includes('-----BEGIN') ? raw : undefined
}

function keyIdOf(material: KeyMaterial | undefined): unknown {
  return isJsonObject(material) ? ownMember(material, 'kid') : undefined
}
