import {
  type AgentKey,
  type Environment,
  isThenable,
  type KeyQuery,
  type KeySource,
  Misconfigured,
} from '@countermark/core'
import { LRUCache } from 'lru-cache'
import { isAskable } from './is-askable.ts'
import { NO_KEYS } from './key-set.ts'

type Found = readonly AgentKey[]

const MAX_REMEMBERED = 10_000

/**
 * Asks several sources in order; the first that knows a key decides. Sources are trusted alike: to limit whom one may
 * speak for, give it `agents` or `agent`. A source that cannot tell does not silence those behind it.
 * @example firstOf(staticKeys(own), registry('https://registry.example.com/agent-keys'))
 * @throws {@link Misconfigured}
 */
export function firstOf(...sources: readonly KeySource[]): KeySource {
  if (sources.length === 0 || sources.some((source) => typeof source?.findKeys !== 'function')) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'firstOf takes one source of keys or more')
  }
  const search = createSearch(sources)
  return {
    name: 'first_of',
    metrics: sources.flatMap(({ metrics = [] }) => metrics),
    findKeys: (query, environment) => (isAskable(query) ? search(query, environment) : NO_KEYS),
    close: async () => {
      await Promise.all(sources.map(async (source) => source.close?.()))
    },
  }
}

function createSearch(sources: readonly KeySource[]): KeySource['findKeys'] {
  // Who answered a question after all sources before it had said no.
  const answeredBy = new LRUCache<string, KeySource>({ max: MAX_REMEMBERED })
  return (query, environment) => {
    for (let index = 0; index < sources.length; index++) {
      const found = ask(sources[index], query, environment)
      if (!isThenable(found)) {
        if (found.length > 0) return found
        continue
      }
      const question = JSON.stringify([query.agentId, query.keyId])
      const known = answeredBy.get(question)
      const answer =
        known === undefined || sources.indexOf(known) <= index ? NO_KEYS : askNow(known, query, environment)
      if (answer.length === 0) {
        const remember = (source: KeySource): void => void answeredBy.set(question, source)
        return searchOn(found, sources.slice(index), { query, environment, remember })
      }
      // An earlier source wants time, and who is known further down does not wait for it once more.
      ignoreFailure(found)
      return answer
    }
    return NO_KEYS
  }
}

interface Search {
  readonly query: KeyQuery
  readonly environment: Environment
  readonly remember: (source: KeySource) => void
}

/** Waits for the first source, then asks the others in turn. */
async function searchOn(first: Promise<Found>, sources: readonly KeySource[], search: Search): Promise<Found> {
  const failures: unknown[] = []
  for (const [index, source] of sources.entries()) {
    try {
      const found = await (index === 0 ? first : ask(source, search.query, search.environment))
      if (found.length === 0) continue
      if (failures.length === 0) search.remember(source)
      return found
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return NO_KEYS
}

function askNow(source: KeySource, query: KeyQuery, environment: Environment): Found {
  const found = ask(source, query, environment)
  if (!isThenable(found)) return found
  ignoreFailure(found)
  return NO_KEYS
}

/** The source itself counts its failures. */
function ignoreFailure(found: Promise<Found>): void {
  found.catch(() => {})
}

/** A source may throw at once or later; here it is always later. */
function ask(source: KeySource | undefined, query: KeyQuery, environment: Environment): Found | Promise<Found> {
  try {
    return source?.findKeys(query, environment) ?? NO_KEYS
  } catch (error) {
    return Promise.reject(error)
  }
}
