import type { AgentKey, AgentRecord, KeySource } from '@countermark/core'
import { isSignatureAlgorithm, rememberKeys } from '@countermark/core/internal'
import { sql } from 'kysely'
import type { StoredTables } from '../storage/store.ts'
import { findAgentRow, viewAgent } from './agents.ts'
import { type KeyPolicy, statusOfKey } from './key-policy.ts'
import { listKeys } from './keys.ts'
import type { RegisteredAgent } from './registered-agent.ts'
import type { AgentRow, KeyRow, RegistryReads, RegistryTables } from './registry-tables.ts'

/** An agent as docs/protocol/registry-document.md has it. */
export interface AgentDocument {
  readonly id: string
  readonly type: string
  readonly version: string
  readonly owner: string | undefined
  readonly state: AgentRecord['state']
  readonly capabilities: readonly string[]
  readonly constraints: Readonly<Record<string, unknown>>
  readonly keys: readonly KeyDocument[]
}

interface KeyDocument {
  readonly id: string
  readonly jwk: Readonly<Record<string, unknown>>
  readonly algorithm: string
  readonly state: 'active' | 'revoked'
  /** Unix seconds. */
  readonly notBefore: number
  readonly notAfter: number | undefined
}

/** What the document of one agent is made of. */
export interface DocumentRules {
  readonly policy: KeyPolicy
  readonly nowMs: number
}

const MOST_KEYS = 50

/** Writes the document of an agent. Keys that have ended stay in it, so that they are refused by name. */
export async function agentDocument(
  tables: RegistryReads,
  row: AgentRow,
  { policy, nowMs }: DocumentRules,
  keep: (key: KeyRow) => boolean = () => true,
): Promise<AgentDocument> {
  const keys = (await listKeys(tables, row.id)).filter(keep)
  return toDocument(row, { agent: await viewAgent(tables, row), keys }, { policy, nowMs })
}

/** The same of what was read before. */
export function toDocument(
  row: AgentRow,
  { agent, keys }: { readonly agent: RegisteredAgent; readonly keys: readonly KeyRow[] },
  { policy, nowMs }: DocumentRules,
): AgentDocument {
  const enrolled = keys.filter(({ state }) => state !== 'pending')
  return {
    id: agent.id,
    type: agent.type,
    version: agent.version,
    owner: agent.owners[0],
    state: stateAtDoors(agent, nowMs),
    capabilities: agent.capabilities,
    constraints: agent.constraints,
    keys: latest(enrolled, nowMs).map((key) => keyDocument(key, row, policy, nowMs)),
  }
}

/** A document holds so many keys; those that have ended give way first. */
function latest(keys: readonly KeyRow[], nowMs: number): readonly KeyRow[] {
  const hasEnded = ({ state, not_after: end }: KeyRow): boolean => state === 'revoked' || (end !== null && end <= nowMs)
  return [...keys].sort((a, b) => Number(hasEnded(b)) - Number(hasEnded(a))).slice(-MOST_KEYS)
}

/** Doors know fewer words: an agent that is staged, or past its end, is refused like one that is suspended. */
function stateAtDoors({ state, expiresAt }: RegisteredAgent, nowMs: number): AgentRecord['state'] {
  if (state === 'retired') return 'retired'
  return state === 'active' && (expiresAt === undefined || nowMs < expiresAt) ? 'active' : 'suspended'
}

function keyDocument(key: KeyRow, agent: AgentRow, policy: KeyPolicy, nowMs: number): KeyDocument {
  const { notBefore, notAfter } = statusOfKey(key, agent, policy, nowMs)
  return {
    ...{ id: key.kid, jwk: JSON.parse(key.jwk), algorithm: key.algorithm },
    state: key.state === 'revoked' ? 'revoked' : 'active',
    notBefore: Math.floor(notBefore / 1000),
    // The last whole second in which it counts.
    notAfter: notAfter === undefined ? undefined : Math.ceil(notAfter / 1000) - 1,
  }
}

/** Agents of all tenants, or of one. */
export interface AgentSelection {
  readonly tenant: string | undefined
}

/** The agent, if it belongs to the selection. */
export async function findSelected(
  tables: RegistryReads,
  id: string,
  { tenant }: AgentSelection,
): Promise<AgentRow | undefined> {
  const query = tables.selectFrom('agents').selectAll().where('id', '=', id)
  return (tenant === undefined ? query : query.where('tenant', '=', tenant)).executeTakeFirst()
}

/**
 * Agents that have a key of this id or thumbprint. Anybody may call a key as another one is called: the key whose thumbprint it is
 * goes first, then keys that count, then those that were there before.
 */
export async function findByKey(
  tables: RegistryReads,
  name: string,
  { tenant }: AgentSelection,
): Promise<readonly AgentRow[]> {
  const query = tables.selectFrom('agent_keys').innerJoin('agents', 'agents.id', 'agent_keys.agent').selectAll('agents')
  const some = query
    .where('agent_keys.state', '!=', 'pending')
    .$if(tenant !== undefined, (all) => all.where('agents.tenant', '=', tenant ?? ''))
  const found = await some
    .where((row) => row.or([row('agent_keys.kid', '=', name), row('agent_keys.thumbprint', '=', name)]))
    .orderBy(sql`CASE WHEN agent_keys.thumbprint = ${name} THEN 0 WHEN agent_keys.state = 'active' THEN 1 ELSE 2 END`)
    .orderBy('agent_keys.created_at')
    .orderBy('agent_keys.thumbprint')
    .limit(MOST_KEYS)
    .execute()
  return [...new Map(found.map((row) => [row.id, row])).values()]
}

const REMEMBERED_KEYS = 10_000

/** The registry's own agents as callers of the authority: read from the database for each request, so never stale. */
export function registryKeys({ reads }: StoredTables<RegistryTables>, policy: KeyPolicy): KeySource {
  const importKey = rememberKeys(REMEMBERED_KEYS)
  const keysOf = async (row: AgentRow, nowMs: number): Promise<readonly AgentKey[]> => {
    const { keys, ...document } = await agentDocument(reads, row, { policy, nowMs })
    const agent = toRecord(document)
    return keys.map((key) => toAgentKey(agent, key, importKey))
  }
  return {
    name: 'authority',
    findKeys: async ({ agentId, keyId }, { clock }) => {
      const every: AgentSelection = { tenant: undefined }
      const selected =
        agentId !== undefined
          ? [await findSelected(reads, agentId, every)].filter((row) => row !== undefined)
          : await findByKey(reads, keyId ?? '', every)
      const keys = (await Promise.all(selected.map((row) => keysOf(row, clock.wallMs())))).flat()
      return keys.filter((key) => keyId === undefined || key.keyId === keyId || key.thumbprint === keyId)
    },
    findAgent: async ({ agentId }, { clock }) => {
      const row = await findSelected(reads, agentId, { tenant: undefined })
      return row === undefined
        ? undefined
        : toRecord(await agentDocument(reads, row, { policy, nowMs: clock.wallMs() }))
    },
  }
}

function toRecord({
  id,
  type,
  version,
  owner,
  state,
  capabilities,
  constraints,
}: Omit<AgentDocument, 'keys'>): AgentRecord {
  return { id, type, version, state, capabilities, constraints, ...(owner === undefined ? {} : { owner }) }
}

function toAgentKey(agent: AgentRecord, key: KeyDocument, importKey: ReturnType<typeof rememberKeys>): AgentKey {
  const { id, jwk, algorithm, state, notBefore, notAfter } = key
  const imported = importKey({ ...jwk }, isSignatureAlgorithm(algorithm) ? { algorithm } : {})
  return { ...imported, agent, keyId: id, state, notBefore, notAfter, schemes: undefined }
}

/** An agent by its id. @throws Refusal `not_found` */
export async function findAgent(tables: RegistryReads, id: string): Promise<RegisteredAgent> {
  return viewAgent(tables, await findAgentRow(tables, id))
}
