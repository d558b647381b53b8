import { importPublicKey, isRefusal, Refusal } from '@countermark/core'
import { canonicalJson, isKeyId, type KeyMaterial } from '@countermark/core/internal'
import { activateAgent, requireAlive } from './agent-life.ts'
import { noteChange } from './changes.ts'
import { isUsable, type KeyPolicy, type KeyStatus, statusOfKey } from './key-policy.ts'
import type { AgentRow, KeyRow, RegistryReads, RegistryTransaction } from './registry-tables.ts'

/** A key that an agent brings. */
export interface NewKey {
  readonly material: KeyMaterial
  /** @default the thumbprint */
  readonly kid?: string | undefined
  readonly kind: string
}

/** A key as the API shows it. */
export interface KeyView extends KeyStatus {
  readonly id: string
  readonly thumbprint: string
  readonly kind: string
  readonly algorithm: string
  readonly jwk: Readonly<Record<string, unknown>>
  /** The version of the agent that brought it. */
  readonly version: string
  readonly createdAt: number
  readonly lastUsedAt: number | undefined
}

const MOST_KEYS = 50
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/** Checks a key and makes its row, which is not written yet. @throws Refusal `input_invalid` */
export function toKeyRow(agent: AgentRow, { material, kid, kind }: NewKey, nowMs: number): KeyRow {
  const { thumbprint, algorithm, publicKey } = readKey(material)
  const id = kid ?? thumbprint
  if (!isKeyId(id)) throw keyInvalid('a key id has 1 to 256 printable ASCII characters')
  // Keys are also found by thumbprint: an owner who approves one must not get another that calls itself so.
  if (THUMBPRINT.test(id) && id !== thumbprint)
    throw keyInvalid('a key id that looks like a thumbprint must be its own')
  return {
    ...{ thumbprint, agent: agent.id, kid: id, kind, algorithm, agent_version: agent.version },
    jwk: canonicalJson(publicKey.export({ format: 'jwk' })),
    ...{ state: 'pending', not_before: nowMs, not_after: null, created_at: nowMs, last_used_at: null, follows: null },
  }
}

function readKey(material: KeyMaterial): ReturnType<typeof importPublicKey> {
  try {
    return importPublicKey(material)
  } catch (error) {
    if (isRefusal(error)) throw keyInvalid(error.message)
    throw error
  }
}

function keyInvalid(message: string): Refusal {
  return new Refusal('input_invalid', message, { members: { errors: [{ pointer: '/key', message }] } })
}

/** Registers a key. @throws Refusal `key_taken`, `already_exists`, `state_conflict` */
export async function addKey(tables: RegistryTransaction, agent: AgentRow, key: KeyRow): Promise<KeyRow> {
  requireAlive(agent)
  const same = await tables
    .selectFrom('agent_keys')
    .select('agent')
    .where('thumbprint', '=', key.thumbprint)
    .executeTakeFirst()
  if (same !== undefined) throw new Refusal('key_taken', 'this public key is registered; make a new one')
  const own = await listKeys(tables, agent.id)
  if (own.some(({ kid }) => kid === key.kid)) throw new Refusal('already_exists', 'the agent has a key of this id')
  const live = own.filter(({ state, not_after: end }) => state !== 'revoked' && (end === null || end > key.created_at))
  if (live.length >= MOST_KEYS) throw new Refusal('state_conflict', `an agent has at most ${MOST_KEYS} keys at a time`)
  await tables.insertInto('agent_keys').values(key).execute()
  return key
}

/** Lets a key count; the first one makes a staged agent active. */
export async function activateKey(
  tables: RegistryTransaction,
  agent: AgentRow,
  key: KeyRow,
  nowMs: number,
): Promise<{ readonly agent: AgentRow; readonly key: KeyRow }> {
  if (key.state !== 'pending') throw new Refusal('state_conflict', 'only a pending key can be made active')
  const row: KeyRow = { ...key, state: 'active', not_before: nowMs }
  await writeKey(tables, row)
  const active = agent.state === 'staged' ? await activateAgent(tables, agent, nowMs) : agent
  await noteChange(tables, {
    kind: 'key_added',
    at: nowMs,
    tenant: agent.tenant,
    agent: agent.id,
    thumbprint: key.thumbprint,
  })
  return { agent: active, key: row }
}

/** Ends keys at a moment, unless they end before. */
export async function endKeys(
  tables: RegistryTransaction,
  agent: AgentRow,
  keys: readonly KeyRow[],
  { atMs, nowMs }: { readonly atMs: number; readonly nowMs: number },
): Promise<void> {
  for (const key of keys) {
    if (key.state !== 'active' || (key.not_after !== null && key.not_after <= atMs)) continue
    await writeKey(tables, { ...key, not_after: atMs })
    await noteChange(tables, {
      kind: 'key_ending',
      at: nowMs,
      tenant: agent.tenant,
      agent: agent.id,
      thumbprint: key.thumbprint,
    })
  }
}

/** Revokes a key at once. @throws Refusal `last_key` unless the last one may go as well */
export async function revokeKey(
  tables: RegistryTransaction,
  agent: AgentRow,
  key: KeyRow,
  rules: { readonly policy: KeyPolicy; readonly nowMs: number; readonly last: 'keep' | 'revoke' },
): Promise<KeyRow> {
  const { policy, nowMs, last } = rules
  if (key.state === 'revoked') throw new Refusal('state_conflict', 'the key is revoked already')
  const isLast = (row: KeyRow): boolean => isUsable(statusOfKey(row, agent, policy, nowMs))
  const others = (await listKeys(tables, agent.id)).filter(({ thumbprint }) => thumbprint !== key.thumbprint)
  if (last === 'keep' && isLast(key) && !others.some(isLast)) {
    throw new Refusal('last_key', 'no other key of the agent can be used; enrol one first, or say last: revoke')
  }
  const row: KeyRow = { ...key, state: 'revoked' }
  await writeKey(tables, row)
  await noteChange(tables, {
    kind: 'key_revoked',
    at: nowMs,
    tenant: agent.tenant,
    agent: agent.id,
    thumbprint: key.thumbprint,
  })
  return row
}

async function writeKey(tables: RegistryTransaction, key: KeyRow): Promise<void> {
  await tables.updateTable('agent_keys').set(key).where('thumbprint', '=', key.thumbprint).execute()
}

/** Keys of an agent, the latest last. */
export function listKeys(tables: RegistryReads, agent: string): Promise<KeyRow[]> {
  const query = tables.selectFrom('agent_keys').selectAll().where('agent', '=', agent)
  return query.orderBy('created_at').orderBy('thumbprint').execute()
}

/** A key by its id or thumbprint. @throws Refusal `not_found` */
export async function findKeyRow(tables: RegistryReads, agent: string, name: string): Promise<KeyRow> {
  const keys = await listKeys(tables, agent)
  const found = keys.find(({ kid }) => kid === name) ?? keys.find(({ thumbprint }) => thumbprint === name)
  if (found === undefined) throw new Refusal('not_found', 'the agent has no key of this id')
  return found
}

/** How the API shows a key. */
export function viewKey(key: KeyRow, agent: AgentRow, policy: KeyPolicy, nowMs: number): KeyView {
  const { kid, thumbprint, kind, algorithm, agent_version: version } = key
  return {
    ...{ id: kid, thumbprint, kind, algorithm, version, jwk: JSON.parse(key.jwk) },
    ...statusOfKey(key, agent, policy, nowMs),
    createdAt: key.created_at,
    lastUsedAt: key.last_used_at ?? undefined,
  }
}
