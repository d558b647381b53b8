import {
  type AgentFact,
  type AgentRecord,
  type AgentRequest,
  type Environment,
  type KeySource,
  type Level,
  Refusal,
  Unavailable,
} from '@countermark/core'
import { isSafeMethod, isThenable, reachesLevel, type Scheme } from '@countermark/core/internal'
import { after } from './after.ts'
import { type Possession, type PossessionRules, type PresentedCall, provePossession } from './binding/confirmation.ts'
import { LINK_SCHEME, requireKnownHops, requireKnownKey, requireUsableProof } from './chain/known-agents.ts'
import { SEPARATOR } from './chain/verify-links.ts'
import { revocationKey } from './revocation/revocation-event.ts'
import type { Revocations } from './revocation/revocations.ts'
import { requireWithin } from './token/claims.ts'
import { requireOwnRequest } from './token/presented-token.ts'
import type { DelegationFacts, VerifiedToken } from './token/verified-token.ts'

/** What a verified token is held against on each request. */
export interface AcceptanceRules extends PossessionRules {
  readonly clockSkewSeconds: number
  readonly agents: KeySource | undefined
  readonly unknownAgents: 'refuse' | 'accept'
  readonly revocations: Revocations | undefined
}

/** A request whose token verified. */
export interface TokenCall extends PresentedCall {
  /** Who calls, as far as an earlier check knows: who signed the request, when there is a proof. */
  readonly agent: AgentFact | undefined
}

/**
 * Holds a token against one request, in the order of profile section 16.4: time, possession, actor, revocation, network.
 * All of it happens for remembered tokens too.
 * @throws {@link Refusal}
 */
export function acceptToken(
  token: VerifiedToken,
  call: TokenCall,
  rules: AcceptanceRules,
  environment: Environment,
): DelegationFacts | Promise<DelegationFacts> {
  const nowMs = environment.clock.wallMs()
  for (const times of token.times) requireWithin(times, nowMs, rules.clockSkewSeconds)
  const possession = provePossession(token, call, rules, environment)
  if (isThenable(possession)) return possession.then((proven) => acceptActor(token, call, rules, environment, proven))
  return acceptActor(token, call, rules, environment, possession)
}

function acceptActor(
  token: VerifiedToken,
  call: TokenCall,
  rules: AcceptanceRules,
  environment: Environment,
  possession: Possession,
): DelegationFacts | Promise<DelegationFacts> {
  requireOwnRequest(call.presented, call.request.method, possession)
  const agent = requireActor(token, call, possession, rules, environment)
  if (isThenable(agent)) return agent.then((known) => acceptAgent(token, call, rules, environment, known))
  return acceptAgent(token, call, rules, environment, agent)
}

function acceptAgent(
  token: VerifiedToken,
  call: TokenCall,
  rules: AcceptanceRules,
  environment: Environment,
  agent: AgentFact,
): DelegationFacts | Promise<DelegationFacts> {
  const unrevoked = requireUnrevoked(token, call, agent, rules, environment)
  if (isThenable(unrevoked)) return unrevoked.then(() => acceptNetwork(token, call, agent))
  return acceptNetwork(token, call, agent)
}

function acceptNetwork(token: VerifiedToken, call: TokenCall, agent: AgentFact): DelegationFacts {
  requireNetwork(token, call.request)
  return { agent, delegation: token.delegation }
}

/** Only the outermost actor decides who acts (RFC 8693 section 4.1). */
function requireActor(
  token: VerifiedToken,
  call: TokenCall,
  possession: Possession,
  rules: AcceptanceRules,
  environment: Environment,
): AgentFact | Promise<AgentFact> {
  const { agents, unknownAgents } = rules
  if (call.agent !== undefined && call.proof !== undefined) {
    requireSigner(token, call)
    const signer = call.agent
    if (agents === undefined) return signer
    const [acting, ...others] = token.hops
    // The signature's key was judged by the check of the signature, the proof's may be another one.
    const holder = { agentId: signer.id, thumbprint: acting?.thumbprint }
    const proven = possession === 'dpop' ? requireUsableProof(holder, agents, environment, call.request) : undefined
    return after(proven, () => {
      const known = requireKnownHops(others, { agents, unknownAgents }, environment, call.request, LINK_SCHEME)
      return after(known, () => signer)
    })
  }
  return after(requireUnsigned(token, call, possession, rules, environment), (agent) => strongerOf(agent, call.agent))
}

/** Whom the token itself establishes. */
function requireUnsigned(
  token: VerifiedToken,
  { request }: TokenCall,
  possession: Possession,
  { agents, unknownAgents }: AcceptanceRules,
  environment: Environment,
): AgentFact | Promise<AgentFact> {
  const { agentId, hops, isHandedOn } = token
  const [acting] = hops
  if (agentId === undefined || acting === undefined) {
    throw new Refusal(
      'actor_unauthorized',
      'the token names an agent that has no agent id here: map its name by agentIds of the issuer',
    )
  }
  const scheme = possession === 'dpop' ? possession : undefined
  // Its name was given by another agent: that name and key belong together, the source of agents must say.
  const proven = isHandedOn ? requireKnownKey(acting, agents, environment, request, scheme) : undefined
  return after(proven, () => {
    if (agents === undefined) return toAgent(agentId, possession, undefined)
    const record = requireKnownHops(hops, { agents, unknownAgents }, environment, request, scheme)
    return after(record, (known) => toAgent(agentId, possession, known))
  })
}

/** An agent that another check established without a signature must be the same one. */
function strongerOf(agent: AgentFact, known: AgentFact | undefined): AgentFact {
  if (known === undefined) return agent
  if (known.id !== agent.id)
    throw new Refusal('actor_mismatch', 'the token was issued to another agent than the one that calls')
  return reachesLevel(agent.level, known.level) ? agent : known
}

/** The issuer that bound the token to the signer's key has said who it means, whatever it calls them. */
function requireSigner({ agentId, binding, isHandedOn }: VerifiedToken, { agent, proof }: TokenCall): void {
  if (agentId !== undefined && agentId === agent?.id) return
  const isSameKey = 'thumbprint' in binding && binding.thumbprint === proof?.thumbprint
  if (isSameKey && !isHandedOn) return
  throw new Refusal('actor_mismatch', 'the token was issued to another agent than the one that signed the request')
}

const LEVELS: Readonly<Record<Possession, readonly [level: Level, scheme: Scheme]>> = {
  // Without a signing agent there is no signature to have proven anything.
  signature: ['bearer', 'bearer'],
  dpop: ['bound', 'dpop'],
  mtls: ['bound', 'mtls'],
  none: ['bearer', 'bearer'],
}

function toAgent(id: string, possession: Possession, record: AgentRecord | undefined): AgentFact {
  const [level, scheme] = LEVELS[possession]
  return { id, level, scheme, record: record ?? { id, state: 'active' } }
}

function requireUnrevoked(
  token: VerifiedToken,
  { request, presented, proof }: TokenCall,
  agent: AgentFact,
  { revocations }: AcceptanceRules,
  environment: Environment,
): void | Promise<void> {
  if (revocations !== undefined) {
    if (revocations.isStale() && !isSafeMethod(request.method)) {
      throw new Unavailable('revocation_unavailable', 'revocation', 'the feed of revocations is silent')
    }
    const isRevoked = revocations.covers(token.revocables) || isCallerRevoked(token, agent, proof, revocations)
    if (isRevoked) throw new Refusal('token_revoked', 'the token, or somebody in its chain, was revoked')
  }
  const { statusLists, introspection } = token.issuer
  if (introspection === undefined && (token.status === undefined || statusLists === undefined)) return
  const status = token.status === undefined ? undefined : statusLists?.check(token.status, environment, request)
  // The issuer knows what it issued, not what agents put behind it.
  return after(status, () => introspection?.check(tokenOf(presented.text), environment))
}

/** What we call the caller, and the key it signed with, may differ from what the token says. */
function isCallerRevoked(
  { delegation }: VerifiedToken,
  { id }: AgentFact,
  proof: TokenCall['proof'],
  revocations: Revocations,
): boolean {
  if (revocations.size() === 0) return false
  const keys = [revocationKey({ type: 'agent', agentId: id })]
  if (proof !== undefined) keys.push(revocationKey({ type: 'key', thumbprint: proof.thumbprint }))
  return revocations.covers([{ issuedAt: delegation.issuedAt, keys }])
}

function tokenOf(text: string): string {
  const end = text.indexOf(SEPARATOR)
  return end < 0 ? text : text.slice(0, end)
}

function requireNetwork({ networks }: VerifiedToken, request: AgentRequest): void {
  if (networks === undefined) return
  const address = request.remoteAddress
  if (address !== undefined && networks.contains(address)) return
  throw new Refusal('constraint_violation', 'the token counts only from certain networks')
}
