import { type AgentFact, type DelegationFact, Refusal } from '@countermark/core'
import type { Asking } from './asking.ts'
import type { CapabilityRules } from './capability-rules.ts'
import type { GrantedScopes } from './granted-scopes.ts'
import { containsAddress, findNetwork, type IpNetwork } from './ip-network.ts'
import type { WantedScope } from './scope-template.ts'

/** Who asks, as earlier checks found out. */
export interface Holder {
  readonly agent: AgentFact
  readonly delegation: DelegationFact | undefined
}

/** What a caller was granted, by whom; a scope counts when every list covers it. */
export interface Holdings extends Holder {
  readonly lists: readonly GrantedScopes[]
  /** The token's own list. */
  readonly token: GrantedScopes | undefined
}

const NOTHING: GrantedScopes = {
  covers: () => false,
  coversUnbounded: () => false,
  shortestSeconds: undefined,
  networks: [],
  isUnclear: false,
}

/** Collects what a caller holds: its token, cut to what registry and blocks say of the agent; without a token these alone. */
export function collectHoldings({ agent, delegation }: Holder, rules: CapabilityRules): Holdings {
  const { capabilities } = agent.record
  const registered = [
    capabilities === undefined ? undefined : rules.readRegistered(capabilities),
    rules.blocks.get(agent.id)?.granted,
  ].filter((list) => list !== undefined)
  if (delegation === undefined) {
    return { agent, delegation, token: undefined, lists: registered.length === 0 ? [NOTHING] : registered }
  }
  const token = rules.readScopes(delegation.scopes)
  if (rules.ceiling === 'off') return { agent, delegation, token, lists: [token] }
  const isUnstated = rules.ceiling === 'required' && registered.length === 0
  return { agent, delegation, token, lists: isUnstated ? [token, NOTHING] : [token, ...registered] }
}

/** Whether all that a caller holds covers a scope. */
export function holdsScope({ lists, delegation }: Holdings, wanted: WantedScope): boolean {
  return lists.every((list) => (delegation === undefined ? list.coversUnbounded(wanted) : list.covers(wanted)))
}

/**
 * Refuses what a scope or the claim `restrictip` rules out for the token as a whole, whichever of its scopes is used.
 * @throws {@link Refusal} `token_expired`, `constraint_violation`, `constraint_unknown`
 */
export function requireUnrestricted(
  { lists, delegation }: Holdings,
  { context, nowMs }: Pick<Asking, 'context' | 'nowMs'>,
): void {
  const shortest = Math.min(...lists.map(({ shortestSeconds = Number.POSITIVE_INFINITY }) => shortestSeconds))
  if (delegation !== undefined && !(nowMs < (delegation.issuedAt + shortest) * 1000)) {
    throw new Refusal('token_expired', `a scope of the token ends it ${shortest} s after it was issued`)
  }
  const restricting = [...lists, claimedRestriction(delegation)]
  if (restricting.some(({ isUnclear }) => isUnclear)) {
    throw new Refusal('constraint_unknown', 'what was granted is restricted in a way that is not understood here')
  }
  const isHere = (network: IpNetwork): boolean => {
    const remoteAddress = context?.remoteAddress
    return remoteAddress !== undefined && containsAddress(network, remoteAddress)
  }
  if (!restricting.every(({ networks }) => networks.every(isHere))) {
    throw new Refusal('constraint_violation', 'what was granted may not be used from this address')
  }
}

type Restriction = Pick<GrantedScopes, 'networks' | 'isUnclear'>

/** The claim `restrictip` of plain agent tokens: one address or network. */
function claimedRestriction(delegation: DelegationFact | undefined): Restriction {
  if (delegation === undefined || !Object.hasOwn(delegation.claims, 'restrictip')) return NOTHING
  const claim = delegation.claims['restrictip']
  const network = typeof claim === 'string' ? findNetwork(claim) : undefined
  return { networks: network === undefined ? [] : [network], isUnclear: network === undefined }
}
