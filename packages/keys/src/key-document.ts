import { type AgentKey, type AgentRecord, importPublicKey } from '@countermark/core'
import {
  type ImportPublicKey,
  isKeyId,
  type JsonObject,
  type KeyMaterial,
  type Scheme,
  type SignatureAlgorithm,
} from '@countermark/core/internal'

/** What was read out of a document: agents and keys that are good, and why other entries are not. */
export interface KeyDocument {
  /** Every agent it speaks of, each once, with or without a key that can be used. */
  readonly agents: readonly AgentRecord[]
  readonly keys: readonly AgentKey[]
  /** Thumbprints of keys that several agents claim: without a name in what was signed, it could be any of them. */
  readonly shared: ReadonlySet<string>
  readonly refused: readonly RefusedEntry[]
}

/** A document that says nothing. */
export const EMPTY_DOCUMENT: KeyDocument = { agents: [], keys: [], shared: new Set(), refused: [] }

/** Collects entries, good and bad, and finds the keys that several agents claim. */
export function toKeyDocument(
  agents: readonly AgentRecord[],
  entries: readonly (AgentKey | RefusedEntry)[],
): KeyDocument {
  const keys: AgentKey[] = []
  const refused: RefusedEntry[] = []
  for (const entry of entries) {
    if (typeof entry === 'string') refused.push(entry)
    else keys.push(entry)
  }
  const shared = findSharedKeys(keys)
  const further = keys.filter((key) => shared.has(key.thumbprint)).map(() => 'key_shared' as const)
  return { agents, keys, shared, refused: further.length === 0 ? refused : [...refused, ...further] }
}

function findSharedKeys(keys: readonly AgentKey[]): ReadonlySet<string> {
  const owners = new Map<string, string>()
  const shared = new Set<string>()
  for (const { thumbprint, agent } of keys) {
    const owner = owners.get(thumbprint)
    if (owner === undefined) owners.set(thumbprint, agent.id)
    else if (owner !== agent.id) shared.add(thumbprint)
  }
  return shared
}

/** One key as a source states it. */
export interface KeyDescription {
  readonly material: KeyMaterial
  /** @default the thumbprint */
  readonly keyId: string | undefined
  readonly algorithm: SignatureAlgorithm | undefined
  readonly state: 'active' | 'revoked'
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
  readonly schemes: readonly Scheme[] | undefined
}

/** How keys are imported. */
export interface KeyImportRules {
  readonly allowTestKeys: boolean
  /** One that remembers, for documents that are read again and again. @default none is remembered */
  readonly importKey?: ImportPublicKey
}

/** Why a source's entry does not count. A closed set, fit for a metric label. */
export type RefusedEntry = 'malformed' | 'key_invalid' | 'key_id_invalid' | 'key_shared' | 'agent_foreign'

/**
 * Checks the material and gives the key its agent, frozen: every question gets the same object.
 * @throws Refusal `key_invalid`
 */
export function createAgentKey(agent: AgentRecord, description: KeyDescription, options: KeyImportRules): AgentKey {
  const { material, keyId, algorithm, state, notBefore, notAfter, schemes } = description
  const { allowTestKeys, importKey = importPublicKey } = options
  const imported = importKey(material, algorithm === undefined ? { allowTestKeys } : { algorithm, allowTestKeys })
  const { thumbprint, publicKey, rawPublicKey } = imported
  // Spelt out: a source may have a hundred thousand of them.
  return Object.freeze({
    agent,
    keyId: keyId ?? thumbprint,
    thumbprint,
    algorithm: imported.algorithm,
    publicKey,
    rawPublicKey,
    state,
    notBefore,
    notAfter,
    schemes,
  })
}

/** The same for an entry that others wrote: one bad key must not take its neighbours along. */
export function toAgentKey(
  agent: AgentRecord,
  description: KeyDescription,
  options: KeyImportRules,
): AgentKey | RefusedEntry {
  if (description.keyId !== undefined && !isKeyId(description.keyId)) return 'key_id_invalid'
  try {
    return createAgentKey(agent, description, options)
  } catch {
    // Whatever is wrong with it: it is counted.
    return 'key_invalid'
  }
}

/** A member that the document itself holds, never one of a prototype; `null` counts as absent. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined
}

/** Seconds count up to the year 5138, milliseconds from the year 1973: none can be taken for the other. */
const FIRST_MILLISECONDS = 1e11
const LAST_MILLISECONDS = 1e14

/** Whether a value is absent or a point in time, Unix seconds. */
export function isOptionalTime(value: unknown): value is number | undefined {
  return value === undefined || (isWhole(value) && value < FIRST_MILLISECONDS)
}

/**
 * A point in time out of a document that others wrote, in Unix seconds. Milliseconds, which many write, are read as such:
 * taken for seconds, an end would never come. `undefined` when absent, `'malformed'` when it is neither.
 */
export function readTime(value: unknown): number | undefined | 'malformed' {
  if (isOptionalTime(value)) return value
  return isWhole(value) && value < LAST_MILLISECONDS ? Math.floor(value / 1000) : 'malformed'
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Whether a value is absent or a short text. */
export function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= 256)
}
