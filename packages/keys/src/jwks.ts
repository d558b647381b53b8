import { type AgentRecord, type KeySource, Misconfigured } from '@countermark/core'
import { isAgentId, rememberKeys } from '@countermark/core/internal'
import { isAskable } from './is-askable.ts'
import { parseJwks } from './jwks-document.ts'
import { NO_KEYS } from './key-set.ts'
import { createRemoteKeys } from './remote-keys.ts'
import { MAX_DOCUMENT_KEYS, type RemoteKeysOptions, readRemoteOptions } from './remote-options.ts'

/** Options of {@link jwks}. */
export interface JwksOptions extends RemoteKeysOptions {
  /** Whose keys they are: a JWK Set does not say. */
  readonly agent: string | (Partial<AgentRecord> & { readonly id: string })
}

const KIND = {
  name: 'jwks',
  contentTypes: ['application/json', 'application/jwk-set+json'],
  options: ['agent'],
} as const

/**
 * The keys of one agent, from a JWK Set that it publishes.
 * @example jwks('https://agents.example/jwks.json', { agent: 'agt_7f2k9x' })
 * @throws {@link Misconfigured}
 */
export function jwks(url: string, options: JwksOptions): KeySource {
  const rules = readRemoteOptions(KIND, url, options)
  const agent = readAgent(options.agent)
  const { allowTestKeys } = rules
  const { href } = rules.url
  const importKey = rememberKeys(MAX_DOCUMENT_KEYS)
  const keys = createRemoteKeys(
    {
      urlOf: () => href,
      parse: (value) => parseJwks(value, { agent, allowTestKeys, importKey, maxKeys: MAX_DOCUMENT_KEYS }),
      isAbsence: () => false,
    },
    rules,
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

function readAgent(agent: JwksOptions['agent']): AgentRecord {
  const record = typeof agent === 'string' ? { id: agent } : agent
  if (typeof record?.id !== 'string' || !isAgentId(record.id)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'jwks: agent must name the agent whose keys they are')
  }
  return Object.freeze({ state: 'active' as const, ...record })
}
