import {
  type AgentKey,
  type AgentRequest,
  type Environment,
  isRefusal,
  isUnavailable,
  type KeySource,
  Refusal,
} from '@countermark/core'
import { isThenable, type SignatureAlgorithm } from '@countermark/core/internal'
import { nameClaimedAgent } from './claimed-agent.ts'
import { explainBase } from './explain-base.ts'
import { factsOf } from './facts-of-candidate.ts'
import { checkKey } from './key-checks.ts'
import type { SignatureFacts } from './signature-facts.ts'
import type { Candidate } from './signature-scheme.ts'
import type { VerificationQueue } from './verification-queue.ts'

/** What a candidate is judged with. */
export interface Judge {
  readonly keys: KeySource
  /** Narrows what the form of the candidate allows. */
  readonly algorithms: readonly SignatureAlgorithm[] | undefined
  readonly queue: VerificationQueue
}

/** One candidate of one request. */
export interface Case {
  readonly candidate: Candidate
  readonly request: AgentRequest
  readonly environment: Environment
  readonly judge: Judge
}

const MAX_KEYS = 4
/** Where no agent is named, as many as share one key id: by accident, or to crowd out the one that signed. */
const MAX_KEYS_OF_ALL = 16

/**
 * Finds the key, verifies, then checks what the signature vouches for: nothing is read or computed for a stranger that a
 * cheaper check would have refused. At once when everything is at hand.
 * @throws Refusal
 */
export function judgeCandidate(given: Case): SignatureFacts | Promise<SignatureFacts> {
  const found = findNamedKeys(given)
  return isThenable(found) ? found.then((keys) => judgeKnown(given, keys)) : judgeKnown(given, found)
}

function findNamedKeys(given: Case): readonly AgentKey[] | Promise<readonly AgentKey[]> {
  const { judge, candidate, environment, request } = given
  try {
    const found = judge.keys.findKeys(candidate.query, environment, request)
    return isThenable(found) ? found.catch((error: unknown) => refuseLate(error, given)) : found
  } catch (error) {
    return refuseLate(error, given)
  }
}

/** Where agents are hidden, one that does not exist or may not act waits for the body like any other: time tells nothing. */
function refuseLate(error: unknown, { candidate, environment }: Case): Promise<never> {
  if (!environment.hidesAgents || !isRefusal(error)) throw error
  const base = candidate.base()
  if (!isThenable(base)) throw error
  return base.then(() => {
    throw error
  })
}

/**
 * Asks once more by key id alone when the named agent has no such key: only then can a good signature in another's name
 * be called `agent_mismatch` instead of `key_unknown`. A source that cannot tell changes nothing: the agent has no such key,
 * and a flood of invented key ids must not turn that into a fault of ours.
 */
function judgeKnown(given: Case, keys: readonly AgentKey[]): SignatureFacts | Promise<SignatureFacts> {
  const { agentId, keyId } = given.candidate.query
  if (keys.length > 0 || agentId === undefined || keyId === undefined) return judgeWithKeys(given, keys)
  const others = findByKeyId(given, keyId)
  return isThenable(others) ? others.then((found) => judgeWithKeys(given, found)) : judgeWithKeys(given, others)
}

function findByKeyId(
  { judge, environment, request }: Case,
  keyId: string,
): readonly AgentKey[] | Promise<readonly AgentKey[]> {
  const toNone = (error: unknown): readonly AgentKey[] => {
    if (isUnavailable(error)) return []
    throw error
  }
  try {
    const found = judge.keys.findKeys({ keyId }, environment, request)
    return isThenable(found) ? found.catch(toNone) : found
  } catch (error) {
    return toNone(error)
  }
}

function judgeWithKeys(given: Case, found: readonly AgentKey[]): SignatureFacts | Promise<SignatureFacts> {
  try {
    const facts = judgeByKeys(given, found)
    return isThenable(facts) ? facts.catch((error: unknown) => blame(error, found)) : facts
  } catch (error) {
    return blame(error, found)
  }
}

function blame(error: unknown, found: readonly AgentKey[]): never {
  throw found[0] === undefined ? error : nameClaimedAgent(error, found[0].agent.id)
}

function judgeByKeys(given: Case, found: readonly AgentKey[]): SignatureFacts | Promise<SignatureFacts> {
  let keys: readonly AgentKey[]
  try {
    keys = usableKeys(given, found)
  } catch (error) {
    return refuseLate(error, given)
  }
  const base = given.candidate.base()
  return isThenable(base) ? base.then((bytes) => tryKeys(given, keys, bytes, 0)) : tryKeys(given, keys, base, 0)
}

/** Several keys may share an id while one replaces the other; one that cannot be used must not hide one that can. */
function usableKeys({ candidate, judge, environment }: Case, found: readonly AgentKey[]): readonly AgentKey[] {
  const { scheme, algorithm } = candidate
  const algorithms = narrow(candidate.algorithms, judge.algorithms)
  const use = { scheme, algorithm, algorithms, nowMs: environment.clock.wallMs() }
  const most = candidate.query.agentId === undefined ? MAX_KEYS_OF_ALL : MAX_KEYS
  const usable: AgentKey[] = []
  let first: unknown
  for (const key of found) {
    try {
      checkKey(key, use)
      usable.push(key)
    } catch (error) {
      if (!isRefusal(error)) throw error
      first ??= error
    }
    if (usable.length === most) break
  }
  if (usable.length > 0) return usable
  throw first ?? new Refusal('key_unknown', 'no key of a known agent matches')
}

function tryKeys(
  given: Case,
  keys: readonly AgentKey[],
  base: Uint8Array,
  from: number,
): SignatureFacts | Promise<SignatureFacts> {
  const { candidate, environment, judge, request } = given
  for (let index = from; index < keys.length; index++) {
    const key = keys[index] as AgentKey
    const verification = { key, data: base, signature: candidate.signature, caller: request }
    const isValid = judge.queue.verify(verification, environment)
    if (isThenable(isValid)) {
      return isValid.then((valid) =>
        valid === true ? settle(given, key, base) : tryKeys(given, keys, base, index + 1),
      )
    }
    // Nothing but `true` is true: a verifier that answers with an object has not verified anything.
    if (isValid === true) return settle(given, key, base)
  }
  throw invalid(given, base)
}

function settle(given: Case, key: AgentKey, base: Uint8Array): SignatureFacts | Promise<SignatureFacts> {
  const { candidate } = given
  // Asked only now: a stranger must not learn which agents are suspended.
  if (candidate.query.agentId !== undefined && candidate.query.agentId !== key.agent.id) {
    throw new Refusal('agent_mismatch', 'the key belongs to another agent than the request names')
  }
  if (key.agent.state !== 'active') throw new Refusal('agent_suspended', 'the agent may not act at present')
  const pending = candidate.checkContent()
  return isThenable(pending) ? pending.then(() => factsOf(candidate, key, base)) : factsOf(candidate, key, base)
}

function narrow(
  allowed: readonly SignatureAlgorithm[],
  further: readonly SignatureAlgorithm[] | undefined,
): readonly SignatureAlgorithm[] {
  return further === undefined ? allowed : allowed.filter((algorithm) => further.includes(algorithm))
}

function invalid({ request, environment }: Case, base: Uint8Array): Refusal {
  const details = environment.development ? { diagnosis: explainBase(base, request.headers) } : {}
  return new Refusal('signature_invalid', 'the signature does not verify', details)
}
