import type { AgentKey, AgentRecord } from '@countermark/core'
import {
  isJsonObject,
  isSignatureAlgorithm,
  type JsonObject,
  type KeyMaterial,
  type Scheme,
} from '@countermark/core/internal'
import { type KeyImportRules, type RefusedEntry, toAgentKey } from './key-description.ts'
import { ownMember, readTime } from './own-member.ts'

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
