import { type AgentKey, type AgentRecord, importPublicKey } from '@countermark/core'
import {
  type ImportPublicKey,
  isKeyId,
  type KeyMaterial,
  type Scheme,
  type SignatureAlgorithm,
} from '@countermark/core/internal'

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
 * Checks the material and gives the key its agent, frozen: everybody who asks gets the same object.
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

/** The same for an entry that somebody else wrote: one bad key must not take its neighbours along. */
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
