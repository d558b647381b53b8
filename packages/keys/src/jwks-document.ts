import type { AgentKey, AgentRecord } from '@countermark/core'
import { isJsonObject } from '@countermark/core/internal'
import { OutboundError } from '@countermark/outbound'
import { type KeyImportRules, type RefusedEntry, toAgentKey } from './key-description.ts'
import { type KeyDocument, toKeyDocument } from './key-document.ts'
import { ownMember, readTime } from './own-member.ts'

/** How a JWK Set is read. */
export interface JwksRules extends KeyImportRules {
  readonly agent: AgentRecord
  readonly maxKeys: number
}

/**
 * Reads a JWK Set (RFC 7517 section 5) whose keys are all one agent's. `nbf` and `exp` of a JWK, Unix seconds or
 * milliseconds, bound its use, as Web Bot Auth directories publish them.
 * @throws OutboundError `malformed`, `too_large`
 */
export function parseJwks(value: unknown, rules: JwksRules): KeyDocument {
  const entries = isJsonObject(value) ? ownMember(value, 'keys') : undefined
  if (!Array.isArray(entries)) throw new OutboundError('malformed', 'expected { "keys": [ … ] }')
  if (entries.length > rules.maxKeys) throw new OutboundError('too_large', `the set holds over ${rules.maxKeys} keys`)
  return toKeyDocument(
    [],
    entries.map((entry) => parseJwk(entry, rules)),
  )
}

function parseJwk(jwk: unknown, rules: JwksRules): AgentKey | RefusedEntry {
  if (!isJsonObject(jwk)) return 'malformed'
  const keyId = ownMember(jwk, 'kid')
  const notBefore = readTime(ownMember(jwk, 'nbf'))
  const notAfter = readTime(ownMember(jwk, 'exp'))
  if (notBefore === 'malformed' || notAfter === 'malformed') return 'malformed'
  if (keyId !== undefined && typeof keyId !== 'string') return 'key_id_invalid'
  const rest = { algorithm: undefined, state: 'active', schemes: undefined } as const
  return toAgentKey(rules.agent, { material: jwk, keyId, notBefore, notAfter, ...rest }, rules)
}
