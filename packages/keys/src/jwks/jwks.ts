import { type AgentKey, type AgentRecord, type KeySource, Misconfigured } from '@countermark/core'
import { custom, isAgentId, isJsonObject, optionTable, rememberKeys } from '@countermark/core/internal'
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
import { isAskable, NO_KEYS } from '../key-set.ts'
import { createRemoteKeys } from '../remote/remote-keys.ts'
import {
  createRemoteRules,
  MAX_DOCUMENT_KEYS,
  OUTBOUND_OPTIONS,
  type RemoteKeysOptions,
  remoteRows,
} from '../remote/remote-options.ts'

/** Options of {@link jwks}. */
export interface JwksOptions extends RemoteKeysOptions {
  /** Whose keys they are: a JWK Set does not say. */
  readonly agent: string | (Partial<AgentRecord> & { readonly id: string })
}

const KIND = { name: 'jwks', contentTypes: ['application/json', 'application/jwk-set+json'] } as const

const OPTIONS = optionTable('jwks', { ...remoteRows(KIND), agent: custom((_name, given) => readAgent(given)) })

/**
 * The keys of one agent, from a JWK Set that it publishes.
 * @example jwks('https://agents.example/jwks.json', { agent: 'agt_7f2k9x' })
 * @throws {@link Misconfigured}
 */
export function jwks(url: string, options: JwksOptions): KeySource {
  const { agent, ...settings } = OPTIONS.read(options, '', OUTBOUND_OPTIONS)
  const rules = createRemoteRules(KIND, url, settings, options)
  const { allowTestKeys } = rules
  const { href } = rules.url
  const importKey = rememberKeys(MAX_DOCUMENT_KEYS)
  const keys = createRemoteKeys(
    {
      urlOf: () => href,
      parse: (value) => parseJwks(value, { agent, allowTestKeys, importKey, maxKeys: MAX_DOCUMENT_KEYS }),
      isAbsence: () => false,
    },
    { ...rules, times: { ...rules.times, maxEntries: 1 } },
  )
  return {
    name: rules.name,
    metrics: keys.metrics,
    findKeys: (query, environment, caller) => {
      if (query.agentId !== undefined && query.agentId !== agent.id) return NO_KEYS
      return isAskable(query) ? keys.find('set', query, environment, caller) : NO_KEYS
    },
    findAgent: ({ agentId }) => (agentId === agent.id ? agent : undefined),
    forget: (revoked) => keys.forget(revoked, 'agentId' in revoked && revoked.agentId !== agent.id ? [] : ['set']),
    close: keys.close,
  }
}

function readAgent(given: unknown): AgentRecord {
  const record = typeof given === 'string' ? { id: given } : (given as Exclude<JwksOptions['agent'], string>)
  if (typeof record?.id !== 'string' || !isAgentId(record.id)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'jwks: agent must name the agent whose keys they are')
  }
  return Object.freeze({ state: 'active' as const, ...record })
}

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
