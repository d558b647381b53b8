import { type AgentKey, type AgentRecord, type Environment, isUnavailable, type KeySource } from '@countermark/core'
import { findAgentRecord, isThenable, type KeyCaller } from '@countermark/core/internal'
import { NO_KEYS } from '../key-set.ts'

/** With what earlier sources are asked. */
export interface EarlierWord {
  readonly environment: Environment
  readonly caller: KeyCaller | undefined
  /** Whether a source that cannot tell is passed over. */
  readonly skips: boolean
}

type Found = readonly AgentKey[]

/**
 * Holds keys that a later source knows to what the sources before it say: of their agents, and of the same keys under other
 * names. The same array where none of them says anything.
 */
export function withEarlierWord(
  keys: Found,
  earlier: readonly KeySource[],
  asked: EarlierWord,
): Found | Promise<Found> {
  const judged = keys.map((key) => judgeKey(key, earlier, asked))
  if (judged.some((key) => isThenable(key))) return Promise.all(judged).then((known) => settle(keys, known))
  return settle(keys, judged as Found)
}

function settle(keys: Found, judged: Found): Found {
  return judged.every((key, index) => key === keys[index]) ? keys : judged
}

/** The nearest source first: what the foremost says is heard last, and counts. */
function judgeKey(key: AgentKey, sources: readonly KeySource[], asked: EarlierWord): AgentKey | Promise<AgentKey> {
  const source = sources.at(-1)
  if (source === undefined) return key
  const judged = judgeBy(source, key, asked)
  const others = sources.slice(0, -1)
  return isThenable(judged) ? judged.then((known) => judgeKey(known, others, asked)) : judgeKey(judged, others, asked)
}

function judgeBy(source: KeySource, key: AgentKey, asked: EarlierWord): AgentKey | Promise<AgentKey> {
  const { environment, caller, skips } = asked
  const agentId = key.agent.id
  const record = askSource(() => findAgentRecord(source, { agentId }, environment, caller), undefined, skips)
  const compare = (known: AgentRecord | undefined): AgentKey | Promise<AgentKey> => {
    if (known === undefined) return key
    const query = { agentId, keyId: key.thumbprint, isAgentCovered: true }
    const same = askSource(() => source.findKeys(query, environment, caller), NO_KEYS, skips)
    return isThenable(same) ? same.then((keys) => unite(known, keys[0], key)) : unite(known, same[0], key)
  }
  return isThenable(record) ? record.then(compare) : compare(record)
}

/** The key as the earlier source has it, where it has it; under the name that was asked for. */
function unite(earlier: AgentRecord, same: AgentKey | undefined, key: AgentKey): AgentKey {
  const agent = uniteRecords(earlier, key.agent)
  if (same === undefined && agent === key.agent) return key
  return Object.freeze({ ...(same ?? key), keyId: key.keyId, agent })
}

/** Who is suspended anywhere is suspended; limits are the foremost source's, or those of the only one that states any. */
function uniteRecords(earlier: AgentRecord, later: AgentRecord): AgentRecord {
  const state = earlier.state === 'active' ? later.state : earlier.state
  const united = Object.freeze({ ...later, ...earlier, state })
  return JSON.stringify(united) === JSON.stringify(later) ? later : united
}

/** Asks a source. One that cannot tell counts as one that knows nothing, where that is allowed; otherwise it ends the search. */
export function askSource<Value>(
  ask: () => Value | Promise<Value>,
  nothing: Value,
  skips: boolean,
): Value | Promise<Value> {
  const pass = (error: unknown): Value => {
    if (skips && isUnavailable(error)) return nothing
    throw error
  }
  try {
    const answer = ask()
    return skips && isThenable(answer) ? answer.catch(pass) : answer
  } catch (error) {
    // A source may throw or reject; callers see a rejection either way.
    return Promise.reject(error).catch(pass)
  }
}
