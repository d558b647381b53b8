import { type AgentKey, type Environment, isRefusal, type KeyQuery, type KeySource, Refusal } from '@countermark/core'
import { isThenable, type Scheme, type SignatureAlgorithm } from '@countermark/core/internal'
import { checkKey } from './key-checks.ts'

/** Bytes that somebody says an agent signed. */
export interface SignedBytes {
  readonly scheme: Scheme
  readonly query: KeyQuery
  readonly algorithms: readonly SignatureAlgorithm[]
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** An agent with more keys than that names the one it used. */
const MAX_KEYS_TRIED = 4

/**
 * The key that made a signature, out of those that match the query; at once when they are known.
 * @throws {@link Refusal} `key_unknown`, `signature_invalid`, `agent_mismatch`, `agent_suspended`, and what {@link checkKey} throws
 */
export function findSigningKey(
  signed: SignedBytes,
  keys: KeySource,
  environment: Environment,
): AgentKey | Promise<AgentKey> {
  const found = keys.findKeys(signed.query, environment)
  return isThenable(found)
    ? found.then((candidates) => firstThatHolds(candidates, signed, environment))
    : firstThatHolds(found, signed, environment)
}

function firstThatHolds(candidates: readonly AgentKey[], signed: SignedBytes, environment: Environment): AgentKey {
  const { scheme, algorithms, data, signature } = signed
  const nowMs = environment.clock.wallMs()
  let refusal: Refusal | undefined
  for (const key of candidates.slice(0, MAX_KEYS_TRIED)) {
    try {
      checkKey(key, { scheme, algorithm: undefined, algorithms, nowMs })
      // Nothing but `true` is true: a verifier that answers with a promise has not verified anything yet.
      if (environment.verifier.verify(key, data, signature) === true) return activeKey(key, signed.query)
      throw new Refusal('signature_invalid', 'the signature does not verify')
    } catch (error) {
      if (!isRefusal(error)) throw error
      refusal ??= error
    }
  }
  throw refusal ?? new Refusal('key_unknown', 'no key of this agent is known')
}

/**
 * Judged only now: who cannot sign as an agent does not learn what state it is in. A source that looks at key ids alone
 * must not let one agent sign as another.
 */
function activeKey(key: AgentKey, { agentId }: KeyQuery): AgentKey {
  if (agentId !== undefined && agentId !== key.agent.id) {
    throw new Refusal('agent_mismatch', 'the key belongs to another agent than the one that is named')
  }
  if (key.agent.state === 'active') return key
  throw new Refusal('agent_suspended', `the agent is ${key.agent.state}`)
}
