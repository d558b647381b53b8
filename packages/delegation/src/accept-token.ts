import { type AgentFact, type AgentRecord, type KeySource, type Level, Refusal, Unavailable } from '@countermark/core'
import { isSafeMethod, reachesLevel, type Scheme, then } from '@countermark/core/internal'
import {
  type Possession,
  type PossessionRules,
  type PresentedCall,
  requireDeliberate,
  verifyPossession,
} from './binding/confirmation.ts'
import { LINK_SCHEME, requireKnownActors, requireKnownKey, requireUsableProof } from './chain/known-agents.ts'
import { SEPARATOR } from './chain/link.ts'
import { revocationKey } from './revocation/revocation-event.ts'
import type { Revocations } from './revocation/revocations.ts'
import { requireWithin } from './token/claims.ts'
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
): DelegationFacts | Promise<DelegationFacts> {
  const nowMs = call.environment.clock.wallMs()
  for (const times of token.times) requireWithin(times, nowMs, rules.clockSkewSeconds)
  return then(verifyPossession(token.binding, call, rules), (possession) => {
    requireDeliberate(call, possession)
    return then(requireActor(token, call, possession, rules), (agent) =>
      then(requireUnrevoked(token, call, agent, rules), () => {
        requireNetwork(token, call)
        return { agent, delegation: token.delegation }
      }),
    )
  })
}

/** Only the outermost actor decides who acts (RFC 8693 section 4.1). */
function requireActor(
  token: VerifiedToken,
  call: TokenCall,
  possession: Possession,
  rules: AcceptanceRules,
): AgentFact | Promise<AgentFact> {
  const { agents, unknownAgents } = rules
  if (call.agent === undefined || call.proof === undefined) {
    return then(findUnsigned(token, call, possession, rules), (agent) => strongerOf(agent, call.agent))
  }
  requireSigner(token, call)
  const signer = call.agent
  if (agents === undefined) return signer
  const [acting, ...others] = token.actors
  // The signature's key was checked with the signature; the proof may be made with another one.
  const holder = { agentId: signer.id, thumbprint: acting?.thumbprint }
  const proven = possession === 'dpop' ? requireUsableProof(holder, agents, call) : undefined
  return then(proven, () =>
    then(requireKnownActors(others, { agents, unknownAgents }, call, LINK_SCHEME), () => signer),
  )
}

/** Whom the token itself establishes. */
function findUnsigned(
  { agentId, actors, isHandedOn }: VerifiedToken,
  call: TokenCall,
  possession: Possession,
  { agents, unknownAgents }: AcceptanceRules,
): AgentFact | Promise<AgentFact> {
  const [acting] = actors
  if (agentId === undefined || acting === undefined) {
    throw new Refusal(
      'actor_unauthorized',
      'the token names an agent that has no agent id here: map its name by agentIds of the issuer',
    )
  }
  const scheme = possession === 'dpop' ? possession : undefined
  // Another agent gave it its name: the source of agents must say that name and key belong together.
  const proven = isHandedOn ? requireKnownKey(acting, agents, call, scheme) : undefined
  return then(proven, () => {
    if (agents === undefined) return toAgent(agentId, possession, undefined)
    const record = requireKnownActors(actors, { agents, unknownAgents }, call, scheme)
    return then(record, (known) => toAgent(agentId, possession, known))
  })
}

/** An agent that another check established without a signature must be the same one. */
function strongerOf(agent: AgentFact, known: AgentFact | undefined): AgentFact {
  if (known === undefined) return agent
  if (known.id !== agent.id) throw mismatch('calls')
  return reachesLevel(agent.level, known.level) ? agent : known
}

/** The issuer that bound the token to the signer's key has said who it means, whatever it calls them. */
function requireSigner({ agentId, binding, isHandedOn }: VerifiedToken, { agent, proof }: TokenCall): void {
  if (agentId !== undefined && agentId === agent?.id) return
  const isSameKey = 'thumbprint' in binding && binding.thumbprint === proof?.thumbprint
  if (!isSameKey || isHandedOn) throw mismatch('signed the request')
}

function mismatch(what: string): Refusal {
  return new Refusal('actor_mismatch', `the token was issued to another agent than the one that ${what}`)
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
  { request, presented, proof, environment }: TokenCall,
  { id }: AgentFact,
  { revocations }: AcceptanceRules,
): void | Promise<void> {
  if (revocations !== undefined) {
    if (revocations.isStale() && !isSafeMethod(request.method)) {
      throw new Unavailable('revocation_unavailable', 'revocation', 'the feed of revocations is silent')
    }
    if (revocations.covers(token.revocables) || isCallerRevoked(token, id, proof, revocations)) {
      throw new Refusal('token_revoked', 'the token, or an agent or key of its chain, was revoked')
    }
  }
  const { statusLists, introspection } = token.issuer
  if (introspection === undefined && (token.status === undefined || statusLists === undefined)) return
  const status = token.status === undefined ? undefined : statusLists?.check(token.status, environment, request)
  // The issuer knows the token that it issued, not the links behind it.
  const [issued = ''] = presented.text.split(SEPARATOR, 1)
  return then(status, () => introspection?.check(issued, environment))
}

/** What we call the caller, and the key it signed with, may differ from what the token says. */
function isCallerRevoked(
  { delegation }: VerifiedToken,
  agentId: string,
  proof: TokenCall['proof'],
  revocations: Revocations,
): boolean {
  if (revocations.size() === 0) return false
  const keys = [revocationKey({ type: 'agent', agentId })]
  if (proof !== undefined) keys.push(revocationKey({ type: 'key', thumbprint: proof.thumbprint }))
  return revocations.covers([{ issuedAt: delegation.issuedAt, keys }])
}

function requireNetwork({ networks }: VerifiedToken, { request }: TokenCall): void {
  if (networks === undefined) return
  const address = request.remoteAddress
  if (address !== undefined && networks.contains(address)) return
  throw new Refusal('constraint_violation', 'the token counts only from certain networks')
}
