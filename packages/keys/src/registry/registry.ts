import type { AgentKey, Environment, KeyQuery, KeySource } from '@countermark/core'
import { callback, flag, isThenable, type KeyCaller, optionTable } from '@countermark/core/internal'
import { isAskable, NO_KEYS } from '../key-set.ts'
import { createRemoteKeys, type RemoteKeys } from '../remote/remote-keys.ts'
import {
  createPreloadFetcher,
  createRemoteRules,
  MAX_REMEMBERED_KEYS,
  OUTBOUND_OPTIONS,
  type RemoteKeysOptions,
  remoteRows,
} from '../remote/remote-options.ts'
import { Preload } from './preload.ts'
import { BY_AGENT, BY_KEY, createRegistryKind } from './registry-kind.ts'

/** Options of {@link registry}. */
export interface RegistryOptions extends RemoteKeysOptions {
  /** The agents this registry may speak for. @default all */
  readonly agents?: (agentId: string) => boolean
  /**
   * Fetches all agents at once: `{url}` itself answers with one document of at most 16 MB. An agent that it does not list is
   * still asked for by its id. With it, `maxEntries` is 100,000 unless stated. @default false
   */
  readonly preload?: boolean
}

const KIND = { name: 'registry', contentTypes: ['application/json'] } as const

const OPTIONS = optionTable('registry', {
  ...remoteRows(KIND),
  agents: callback<(agentId: string) => boolean>(),
  preload: flag(false),
})

const MAX_PRELOADED = 100_000

/**
 * Agents and their keys from a registry that answers `{url}/{agentId}` and `{url}?keyid={keyId}` with the document of
 * docs/protocol/registry-document.md.
 * @example registry('https://registry.example.com/agent-keys')
 * @throws {@link Misconfigured}
 */
export function registry(url: string, options: RegistryOptions = {}): KeySource {
  const { agents = () => true, preload: preloads, ...settings } = OPTIONS.read(options, '', OUTBOUND_OPTIONS)
  const remote = preloads ? { maxEntries: MAX_PRELOADED, ...options } : options
  const rules = createRemoteRules(KIND, url, settings, remote)
  const maxKeys = preloads ? 2 * MAX_PRELOADED : MAX_REMEMBERED_KEYS
  const kind = createRegistryKind({ remote: rules, agents, maxKeys })
  const keys = createRemoteKeys(kind, rules)
  const { refreshAfterMs = 300_000, random = Math.random } = options
  const preload = preloads
    ? new Preload({
        url: rules.url.href,
        fetcher: createPreloadFetcher(url, options),
        refreshAfterMs,
        random,
        kind,
        keys,
      })
    : undefined
  const findKeys = createFind(keys, preload)
  return {
    name: rules.name,
    metrics: keys.metrics,
    findKeys: (query, environment, caller) => {
      if (!isAskable(query)) return NO_KEYS
      return whenReady(preload, environment, () => findKeys(query, environment, caller))
    },
    findAgent: (query, environment, caller) => {
      if (!isAskable(query)) return undefined
      const find = (): ReturnType<RemoteKeys['findAgent']> =>
        keys.findAgent(BY_AGENT + query.agentId, query, environment, caller)
      return whenReady(preload, environment, find)
    },
    forget: (revoked) =>
      keys.forget(revoked, ['agentId' in revoked ? BY_AGENT + revoked.agentId : BY_KEY + revoked.thumbprint]),
    close: () => {
      preload?.close()
      keys.close()
    },
  }
}

function whenReady<Value>(
  preload: Preload | undefined,
  environment: Environment,
  find: () => Value | Promise<Value>,
): Value | Promise<Value> {
  const pending = preload?.ready(environment)
  return pending === undefined ? find() : pending.then(find)
}

type Find = (
  query: KeyQuery,
  environment: Environment,
  caller: KeyCaller | undefined,
) => readonly AgentKey[] | Promise<readonly AgentKey[]>

function createFind(keys: RemoteKeys, preload: Preload | undefined): Find {
  return (query, environment, caller) => {
    const { agentId, keyId } = query
    if (agentId !== undefined) return keys.find(BY_AGENT + agentId, query, environment, caller)
    const ask = (): ReturnType<Find> => keys.find(BY_KEY + keyId, query, environment, caller)
    const known = preload?.find(query, environment, caller) ?? NO_KEYS
    if (isThenable(known)) return known.then((found) => (found.length > 0 ? found : ask()))
    return known.length > 0 ? known : ask()
  }
}
