import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  isRefusal,
  type KeySource,
  Refusal,
} from '@countermark/core'
import { findAgentRecord, type KeyCaller, requireUsableKey, type Scheme } from '@countermark/core/internal'
import { after } from '../after.ts'
import type { Hop } from '../token/verified-token.ts'

/** Who knows agents, and what counts of those it does not know. */
export interface KnownAgents {
  readonly agents: KeySource
  readonly unknownAgents: 'refuse' | 'accept'
}

/** What the keys of a chain's middle hands are used for: links are signed with what requests are signed with. */
export const LINK_SCHEME: Scheme = 'httpsig'

/** One hand of a chain, and what its key is used for. */
interface HandUse {
  readonly hop: Hop
  /** `undefined`: another check has judged that. */
  readonly scheme: Scheme | undefined
}

/**
 * Refuses a chain in which an agent is suspended, acts with a key that its own limits exclude, or is unknown to the source of
 * agents where all must be known. Answers with the record of the first; `undefined` for one that may be unknown.
 * @throws {@link Refusal} `actor_unauthorized`, `agent_suspended` and those of {@link requireUsable}
 */
export function requireKnownHops(
  hops: readonly Hop[],
  known: KnownAgents,
  environment: Environment,
  caller: KeyCaller | undefined,
  scheme: Scheme | undefined,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  const [hop, ...others] = hops
  if (hop === undefined) return undefined
  return after(findRecord({ hop, scheme }, known, environment, caller), (record) =>
    after(requireKnownHops(others, known, environment, caller, LINK_SCHEME), () => record),
  )
}

/**
 * Refuses a key that the source of agents does not know as this agent's.
 * @throws {@link Refusal} `actor_unauthorized` and those of {@link requireUsable}
 */
export function requireKnownKey(
  { agentId, thumbprint }: Hop,
  agents: KeySource | undefined,
  environment: Environment,
  caller: KeyCaller | undefined,
  scheme: Scheme | undefined,
): void | Promise<void> {
  // The link names both, and was signed.
  const query = { agentId: agentId ?? '', keyId: thumbprint ?? '', isAgentCovered: true }
  return after(agents?.findKeys(query, environment, caller) ?? [], (keys) => {
    if (requireUsable(keys, thumbprint, scheme, environment) !== undefined) return
    throw new Refusal('actor_unauthorized', 'nobody here knows this key as the one of the agent that acts')
  })
}

/**
 * Refuses a proof of possession that the signer made with a key of its own that may not make it. Of a key that the source of
 * agents does not know, the issuer has said whose it is.
 * @throws {@link Refusal} those of {@link requireUsable}
 */
export function requireUsableProof(
  { agentId, thumbprint }: Pick<Hop, 'agentId' | 'thumbprint'>,
  agents: KeySource,
  environment: Environment,
  caller: KeyCaller | undefined,
): void | Promise<void> {
  if (agentId === undefined || thumbprint === undefined) return
  const own = agents.findKeys({ agentId, isAgentCovered: true }, environment, caller)
  return after(own, (keys) => void requireUsable(keys, thumbprint, 'dpop', environment))
}

/**
 * The key of this thumbprint, if it is listed; its own limits hold here as everywhere. Listed more than once, one entry that
 * allows the use is enough, unless another says that the key was revoked.
 * @throws {@link Refusal} `key_revoked`, `key_not_yet_valid`, `key_expired`, `key_invalid`
 */
export function requireUsable(
  keys: readonly AgentKey[],
  thumbprint: string | undefined,
  scheme: Scheme | undefined,
  { clock }: Environment,
): AgentKey | undefined {
  const listed = keys.filter((key) => key.thumbprint === thumbprint)
  const use = { scheme, nowMs: clock.wallMs() }
  const refusals = listed.map((key) => refusalOf(() => requireUsableKey(key, use)))
  const refusal = refusals.find((found) => found?.code === 'key_revoked') ?? refusals[0]
  if (refusal === undefined) return listed[0]
  const usable = listed.find((_key, index) => refusals[index] === undefined)
  if (usable !== undefined && refusal.code !== 'key_revoked') return usable
  // Marked: what the caller must replace is the token, or what stands behind it.
  throw new Refusal(refusal.code, refusal.message, { credential: 'token' })
}

function refusalOf(judge: () => void): Refusal | undefined {
  try {
    judge()
    return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

/** What is known of an agent does not hang on its keys: one without any that can be used is no less suspended. */
function findRecord(
  { hop, scheme }: HandUse,
  { agents, unknownAgents }: KnownAgents,
  environment: Environment,
  caller: KeyCaller | undefined,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  const { agentId, thumbprint } = hop
  const mayBeUnknown = unknownAgents === 'accept'
  if (agentId === undefined && mayBeUnknown) return undefined
  if (agentId === undefined) throw unknown()
  const question = { agentId, acceptsOldAbsence: mayBeUnknown }
  return after(findAgentRecord(agents, question, environment, caller), (record) => {
    if (record === undefined && mayBeUnknown) return undefined
    if (record === undefined || record.id !== agentId) throw unknown()
    if (record.state !== 'active') throw new Refusal('agent_suspended', 'an agent of the chain may not act at present')
    if (thumbprint === undefined) return record
    const own = agents.findKeys({ agentId, isAgentCovered: true }, environment, caller)
    return after(own, (keys) => {
      requireUsable(keys, thumbprint, scheme, environment)
      return record
    })
  })
}

function unknown(): Refusal {
  return new Refusal('actor_unauthorized', 'an agent of the chain is not known here')
}
