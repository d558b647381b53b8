import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  type KeyQuery,
  type KeySource,
  Misconfigured,
} from '@countermark/core'
import {
  type AgentQuery,
  findAgentRecord,
  flag,
  isThenable,
  type KeyCaller,
  optionTable,
} from '@countermark/core/internal'
import { isAskable, NO_KEYS } from '../key-set.ts'
import { askSource, withEarlierWord } from './earlier-word.ts'

/** Options of {@link firstOf}, behind the sources. */
export interface FirstOfOptions {
  /**
   * Weakens: a source that cannot tell is passed over, and the next one decides. A key that it lists as revoked, or an agent
   * that it lists as suspended, counts again then, while it is down or a flood has used up its look-ups. @default false
   */
  readonly allowSkippingUnavailable?: boolean
}

const OPTIONS = optionTable('firstOf', { allowSkippingUnavailable: flag(false) })

type Found = readonly AgentKey[]

/**
 * Asks several sources in order; the first that knows a key decides, and what an earlier source says of the agent or of the
 * same key counts beside it. A source that cannot tell ends the search with `key_source_unavailable`: what it would say may be
 * a revocation. Put sources that always can tell first. Sources are trusted alike: to limit whom one may speak for, give it
 * `agents` or `agent`.
 * @example firstOf(staticKeys(own), registry('https://registry.example.com/agent-keys'))
 * @throws {@link Misconfigured}
 */
export function firstOf(...given: readonly KeySource[] | readonly [...KeySource[], FirstOfOptions]): KeySource {
  const { sources, skips } = readArguments(given)
  const search = (from: number, asked: Asked): Found | Promise<Found> => {
    for (let index = from; index < sources.length; index++) {
      const found = askKeys(sources[index] as KeySource, asked, skips)
      if (isThenable(found)) {
        return found.then((keys) => (keys.length > 0 ? settle(keys, index, asked) : search(index + 1, asked)))
      }
      if (found.length > 0) return settle(found, index, asked)
    }
    return NO_KEYS
  }
  const settle = (keys: Found, index: number, asked: Asked): Found | Promise<Found> => {
    return index === 0 ? keys : withEarlierWord(keys, sources.slice(0, index), { ...asked, skips })
  }
  return {
    name: 'first_of',
    metrics: sources.flatMap(({ metrics = [] }) => metrics),
    findKeys: (query, environment, caller) => (isAskable(query) ? search(0, { query, environment, caller }) : NO_KEYS),
    findAgent: (query, environment, caller) => findFirstAgent(sources, { query, environment, caller }, skips),
    forget: (revoked) => {
      for (const source of sources) source.forget?.(revoked)
    },
    close: async () => {
      await Promise.all(sources.map(async (source) => source.close?.()))
    },
  }
}

interface Asked {
  readonly query: KeyQuery
  readonly environment: Environment
  readonly caller: KeyCaller | undefined
}

interface Arguments {
  readonly sources: readonly KeySource[]
  readonly skips: boolean
}

function readArguments(given: readonly (KeySource | FirstOfOptions)[]): Arguments {
  const last = given.at(-1)
  const hasOptions = typeof last === 'object' && last !== null && !('findKeys' in last) && given.length > 1
  const sources = (hasOptions ? given.slice(0, -1) : given) as readonly KeySource[]
  if (sources.length === 0 || sources.some((source) => typeof source?.findKeys !== 'function')) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'firstOf takes one source of keys or more')
  }
  if (!hasOptions) return { sources, skips: false }
  return { sources, skips: OPTIONS.read(last as FirstOfOptions).allowSkippingUnavailable }
}

function askKeys(source: KeySource, { query, environment, caller }: Asked, skips: boolean): Found | Promise<Found> {
  return askSource(() => source.findKeys(query, environment, caller), NO_KEYS, skips)
}

function findFirstAgent(
  sources: readonly KeySource[],
  asked: { readonly query: AgentQuery; readonly environment: Environment; readonly caller: KeyCaller | undefined },
  skips: boolean,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  const [source, ...others] = sources
  if (source === undefined) return undefined
  const { query, environment, caller } = asked
  const record = askSource(() => findAgentRecord(source, query, environment, caller), undefined, skips)
  if (isThenable(record)) return record.then((known) => known ?? findFirstAgent(others, asked, skips))
  return record ?? findFirstAgent(others, asked, skips)
}
