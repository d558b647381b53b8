import {
  type AgentKey,
  type AgentRequest,
  type Environment,
  isRefusal,
  isUnavailable,
  type KeyQuery,
  type KeySource,
  Refusal,
} from '@countermark/core'
import { isThenable, requireUsableKey, type Scheme, type SignatureAlgorithm, then } from '@countermark/core/internal'
import { explainBase } from './http/base.ts'
import { requireUnrevoked, type SignerRevocations } from './revocations.ts'
import type { VerificationQueue } from './verification-queue.ts'

/** A signature that an agent is said to have made. */
export interface SignedBytes {
  /** `undefined` where no agent presents a credential, such as a server's own signature. */
  readonly scheme: Scheme | undefined
  /** The keys to look for: the agent when one is named, the key id when the signature states it. */
  readonly query: KeyQuery
  /** The algorithm as the message states it. */
  readonly algorithm: SignatureAlgorithm | undefined
  /** The algorithms that it may be made with. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Unix seconds. */
  readonly created: number
  readonly signature: Uint8Array
  /** The signed bytes; a promise only when they depend on a body that has not come yet. */
  readonly base: () => Uint8Array | Promise<Uint8Array>
}

/** A signature, what it is verified with, and how to go on once it holds. */
export interface Verification<Result> {
  readonly signed: SignedBytes
  readonly keys: KeySource
  readonly environment: Environment
  /** Narrows the algorithms of the signature. @default nothing is narrowed */
  readonly algorithms?: readonly SignatureAlgorithm[] | undefined
  readonly revocations?: SignerRevocations | undefined
  /** @default every signature is verified at once, on the event loop */
  readonly queue?: VerificationQueue
  /** The request that is signed, when it is one. */
  readonly request?: AgentRequest
  readonly accept: (key: AgentKey, base: Uint8Array) => Result | Promise<Result>
}

type Keys = readonly AgentKey[]

const MAX_KEYS = 4
/** Where no agent is named, as many as share one key id: by accident, or to crowd out the one that signed. */
const MAX_KEYS_OF_ALL = 16

/**
 * The one place where keys are tried. Finds them, verifies, then checks the agent; at once when everything is at hand. Nothing
 * is read or computed for a caller that a cheaper check would have refused.
 * @throws Refusal `key_unknown`, `signature_invalid`, `agent_mismatch`, `agent_suspended`, and what {@link usableKeys} throws
 */
export function verifyWithKeys<Result>(given: Verification<Result>): Result | Promise<Result> {
  const found = findKeys(given)
  return isThenable(found) ? found.then((late) => tryFound(given, late)) : tryFound(given, found)
}

function findKeys<Result>(given: Verification<Result>): Keys | Promise<Keys> {
  const { signed, keys, environment, request } = given
  try {
    const found = keys.findKeys(signed.query, environment, request)
    if (!isThenable(found)) return found.length > 0 ? found : findKeysOfOthers(given)
    return found
      .then((known) => (known.length > 0 ? known : findKeysOfOthers(given)))
      .catch((error: unknown) => refuseLate(error, given))
  } catch (error) {
    return refuseLate(error, given)
  }
}

/**
 * Asks once more by key id alone when the named agent has no such key: only then can a good signature in another's name
 * be called `agent_mismatch` instead of `key_unknown`. A source that cannot tell changes nothing: the agent has no such key,
 * and a flood of invented key ids must not turn that into a fault of ours.
 */
function findKeysOfOthers<Result>({ signed, keys, environment, request }: Verification<Result>): Keys | Promise<Keys> {
  const { agentId, keyId } = signed.query
  if (agentId === undefined || keyId === undefined) return []
  const toNone = (error: unknown): Keys => {
    if (isUnavailable(error)) return []
    throw error
  }
  try {
    const found = keys.findKeys({ keyId }, environment, request)
    return isThenable(found) ? found.catch(toNone) : found
  } catch (error) {
    return toNone(error)
  }
}

/** Where agents are hidden, one that does not exist or may not act waits for the body like any other: time tells nothing. */
function refuseLate<Result>(error: unknown, { signed, environment }: Verification<Result>): never | Promise<never> {
  if (!environment.hidesAgents || !isRefusal(error)) throw error
  return then<Uint8Array, never>(signed.base(), () => {
    throw error
  })
}

function tryFound<Result>(given: Verification<Result>, found: Keys): Result | Promise<Result> {
  const name = (error: unknown): never => {
    throw found[0] === undefined ? error : nameClaimedAgent(error, found[0].agent.id)
  }
  try {
    const result = tryUsable(given, found)
    return isThenable(result) ? result.catch(name) : result
  } catch (error) {
    return name(error)
  }
}

function tryUsable<Result>(given: Verification<Result>, found: Keys): Result | Promise<Result> {
  const { signed, environment, algorithms } = given
  let keys: Keys
  try {
    keys = usableKeys(found, signed, environment.clock.wallMs(), algorithms)
  } catch (error) {
    return refuseLate(error, given)
  }
  return then(signed.base(), (base) => tryKeys(given, keys, base, 0))
}

/**
 * Several keys may share an id while one replaces the other; one that cannot be used must not hide one that can.
 * @throws Refusal `key_unknown`, or why the first one cannot be used: `key_revoked`, `key_expired`, `key_not_yet_valid`,
 * `key_invalid`, `algorithm_not_allowed`
 */
export function usableKeys(
  found: Keys,
  { scheme, query, algorithm, algorithms }: Pick<SignedBytes, 'scheme' | 'query' | 'algorithm' | 'algorithms'>,
  nowMs: number,
  further?: readonly SignatureAlgorithm[],
): Keys {
  const allowed = further === undefined ? algorithms : algorithms.filter((each) => further.includes(each))
  const most = query.agentId === undefined ? MAX_KEYS_OF_ALL : MAX_KEYS
  const usable: AgentKey[] = []
  let first: unknown
  for (const key of found) {
    try {
      requireUsableKey(key, { scheme, nowMs })
      requireAlgorithm(key.algorithm, algorithm, allowed)
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

/** RFC 9421 section 3.2: wherever an algorithm is stated it must be the same, and it must be allowed. */
function requireAlgorithm(
  algorithm: SignatureAlgorithm,
  stated: SignatureAlgorithm | undefined,
  allowed: readonly SignatureAlgorithm[],
): void {
  if (stated !== undefined && stated !== algorithm) {
    throw new Refusal('algorithm_not_allowed', 'the stated algorithm is not the algorithm of the key')
  }
  if (allowed.includes(algorithm)) return
  throw new Refusal('algorithm_not_allowed', `expected one of ${allowed.join(', ')}`)
}

function tryKeys<Result>(
  given: Verification<Result>,
  keys: Keys,
  data: Uint8Array,
  from: number,
): Result | Promise<Result> {
  const { signed, environment, queue, request: caller } = given
  const { signature } = signed
  for (let index = from; index < keys.length; index++) {
    const key = keys[index] as AgentKey
    const isValid =
      queue === undefined
        ? environment.verifier.verify(key, data, signature) === true
        : queue.verify({ key, data, signature, caller }, environment)
    if (isThenable(isValid)) {
      return isValid.then((valid) =>
        valid === true ? settle(given, key, data) : tryKeys(given, keys, data, index + 1),
      )
    }
    // Nothing but `true` is true: a verifier that answers with an object has not verified anything.
    if (isValid === true) return settle(given, key, data)
  }
  const { development } = environment
  const details = development && caller !== undefined ? { diagnosis: explainBase(data, caller.headers) } : {}
  throw new Refusal('signature_invalid', 'the signature does not verify', details)
}

/** The agent is checked only when the signature held: an unproven caller must not learn which agents are suspended. */
function settle<Result>(given: Verification<Result>, key: AgentKey, base: Uint8Array): Result | Promise<Result> {
  const { signed, revocations, request } = given
  const { agent, thumbprint } = key
  if (signed.query.agentId !== undefined && signed.query.agentId !== agent.id) {
    throw new Refusal('agent_mismatch', 'the key belongs to another agent than the one that is named')
  }
  if (agent.state !== 'active') throw new Refusal('agent_suspended', 'the agent may not act at present')
  if (revocations !== undefined) {
    requireUnrevoked({ agentId: agent.id, thumbprint, created: signed.created }, revocations, request?.method)
  }
  return given.accept(key, base)
}

/** The same refusal with the agent whose key is named, for metrics and audit. What is not the caller's fault stays as it is. */
function nameClaimedAgent(error: unknown, agentId: string): unknown {
  if (!isRefusal(error) || isUnavailable(error)) return error
  const { code, message, cause, retryAfterSeconds, hints, members, diagnosis } = error
  return new Refusal(code, message, {
    ...{ hints, members, claimedAgent: agentId },
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(diagnosis === undefined ? {} : { diagnosis }),
  })
}
