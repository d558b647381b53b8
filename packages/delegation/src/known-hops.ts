import {
  type AgentKey,
  type AgentRecord,
  type Environment,
  findAgentRecord,
  type KeyCaller,
  type KeySource,
  Refusal,
} from '@countermark/core'
import { after } from './after.ts'
import type { Hop } from './verified-token.ts'

/** Who knows agents, and what counts of those it does not know. */
export interface KnownAgents {
  readonly agents: KeySource
  readonly unknownAgents: 'refuse' | 'accept'
}

/**
 * Refuses a chain in which somebody is suspended, acts with a key that was revoked, or is unknown to the source of agents
 * where all must be known. Answers with the record of the first; `undefined` for one that may be unknown.
 * @throws {@link Refusal} `actor_unauthorized`, `agent_suspended`, `key_revoked`
 */
export function requireKnownHops(
  hops: readonly Hop[],
  known: KnownAgents,
  environment: Environment,
  caller?: KeyCaller,
): AgentRecord | undefined | Promise<AgentRecord | undefined> {
  const [hop, ...others] = hops
  if (hop === undefined) return undefined
  return after(findRecord(hop, known, environment, caller), (record) =>
    after(requireKnownHops(others, known, environment, caller), () => record),
  )
}

/**
 * Refuses a key that the source of agents does not know as this agent's.
 * @throws {@link Refusal} `actor_unauthorized`
 */
export function requireKnownKey(
  { agentId, thumbprint }: Hop,
  agents: KeySource | undefined,
  environment: Environment,
  caller?: KeyCaller,
): void | Promise<void> {
  // The link names both, and was signed.
  const query = { agentId: agentId ?? '', keyId: thumbprint ?? '', isAgentCovered: true }
  return after(agents?.findKeys(query, environment, caller) ?? [], (keys) => {
    if (keys.some((key) => key.thumbprint === thumbprint && key.state === 'active')) return
    throw new Refusal('actor_unauthorized', 'nobody here knows this key as the one of the agent that acts')
  })
}

/** What is known of an agent does not hang on its keys: one without any that can be used is no less suspended. */
function findRecord(
  hop: Hop,
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
    return after(own, (keys) => requireUnrevokedKey(keys, thumbprint, record))
  })
}

function requireUnrevokedKey(keys: readonly AgentKey[], thumbprint: string, record: AgentRecord): AgentRecord {
  if (keys.some((key) => key.thumbprint === thumbprint && key.state === 'revoked')) {
    throw new Refusal('key_revoked', 'a key of the chain was revoked')
  }
  return record
}

function unknown(): Refusal {
  return new Refusal('actor_unauthorized', 'an agent of the chain is not known here')
}
