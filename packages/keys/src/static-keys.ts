import { type AgentKey, type AgentRecord, type KeySource, Misconfigured, requireKnownOptions } from '@countermark/core'
import {
  flag,
  isAgentId,
  isJsonObject,
  isKeyId,
  type KeyMaterial,
  optionTable,
  type Scheme,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import { createAgentKey, isOptionalTime, ownMember, toKeyDocument } from './key-document.ts'
import { createKeySet } from './key-set.ts'

/** A key written into the program or its configuration. */
export interface StaticKey {
  /** Whose key it is. */
  readonly agentId: string
  /** A JWK, a PEM block named PUBLIC KEY, 32 Ed25519 bytes in base64, or a KeyObject. */
  readonly key: KeyMaterial
  /** @default the `kid` of a JWK, or the thumbprint of the key */
  readonly keyId?: string
  /** Where the type of the key leaves a choice. @default the JWK's `alg`, or the type's default */
  readonly algorithm?: SignatureAlgorithm
  /** @default 'active' */
  readonly state?: 'active' | 'revoked'
  /** Unix seconds. */
  readonly notBefore?: number
  /** Unix seconds. */
  readonly notAfter?: number
  /** The only schemes the key may be used for. @default every scheme but `simple-v0` */
  readonly schemes?: readonly Scheme[]
  /** What else is known of the agent, such as its owner. */
  readonly record?: Partial<Omit<AgentRecord, 'id'>>
}

/** How static keys are checked. */
export interface StaticKeysOptions {
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
}

const OPTIONS = optionTable('staticKeys', { allowTestKeys: flag(false) })
const MEMBERS = ['agentId', 'key', 'keyId', 'algorithm', 'state', 'notBefore', 'notAfter', 'schemes', 'record']

/**
 * Keys that are known when the application starts. A key that cannot be used stops it from starting.
 * @example
 * staticKeys([{ agentId: 'agt_7f2k9x', keyId: '2026-11', key: { kty: 'OKP', crv: 'Ed25519', x: '…' } }])
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL`, `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function staticKeys(entries: readonly StaticKey[], options: StaticKeysOptions = {}): KeySource {
  const { allowTestKeys } = OPTIONS.read(options)
  if (!Array.isArray(entries)) throw new Misconfigured('ERR_OPTION_INVALID', 'staticKeys takes an array of keys')
  for (const entry of entries) requireKnownOptions('a static key', entry, MEMBERS)
  const records = readRecords(entries)
  const document = toKeyDocument(
    [...records.values()],
    entries.map((entry) => readEntry(entry, records, allowTestKeys)),
  )
  if (document.refused.length > 0) {
    throw new Misconfigured('ERR_KEY_MATERIAL', 'two agents must not share a key; give each agent its own')
  }
  const { find, findAgent } = createKeySet(document)
  return { name: 'static', findKeys: (query) => find(query), findAgent: ({ agentId }) => findAgent(agentId) }
}

/** One record for all keys of an agent: it must not be able to choose its limits by choosing its key. */
function readRecords(entries: readonly StaticKey[]): ReadonlyMap<string, AgentRecord> {
  const stated = new Map<string, string>()
  const records = new Map<string, AgentRecord>()
  for (const { agentId, record } of entries) {
    const text = record === undefined ? undefined : JSON.stringify(record)
    if (text !== undefined && (stated.get(agentId) ?? text) !== text) {
      throw new Misconfigured('ERR_OPTION_INVALID', `the keys of ${agentId} state different records; state one of them`)
    }
    if (text !== undefined) stated.set(agentId, text)
    if (text !== undefined || !records.has(agentId)) {
      records.set(agentId, Object.freeze({ state: 'active' as const, ...record, id: agentId }))
    }
  }
  return records
}

function readEntry(entry: StaticKey, records: ReadonlyMap<string, AgentRecord>, allowTestKeys: boolean): AgentKey {
  const { agentId, key, keyId = keyIdOf(key), algorithm, state = 'active', notBefore, notAfter, schemes } = entry
  if (typeof agentId !== 'string' || !isAgentId(agentId)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'agentId must be 1 to 128 of A-Z a-z 0-9 . _ : @ / -')
  }
  if (keyId !== undefined && !(typeof keyId === 'string' && isKeyId(keyId))) {
    throw new Misconfigured('ERR_OPTION_INVALID', `a keyId of ${agentId} must be 1 to 256 printable ASCII characters`)
  }
  if (!isOptionalTime(notBefore) || !isOptionalTime(notAfter) || (state !== 'active' && state !== 'revoked')) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      `a key of ${agentId} needs a known state and times in Unix seconds, not milliseconds`,
    )
  }
  const agent = records.get(agentId) ?? { id: agentId, state: 'suspended' }
  try {
    const description = { material: key, keyId, algorithm, state, notBefore, notAfter, schemes }
    return createAgentKey(agent, description, { allowTestKeys })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Misconfigured('ERR_KEY_MATERIAL', `a key of ${agentId} cannot be used: ${reason}`)
  }
}

function keyIdOf(key: unknown): string | undefined {
  const kid = isJsonObject(key) ? ownMember(key, 'kid') : undefined
  return typeof kid === 'string' ? kid : undefined
}
