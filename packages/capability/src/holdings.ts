import { type AgentFact, type DelegationFact, Refusal } from '@countermark/core'
import type { Asking } from './asking.ts'
import type { CapabilityRules } from './capability-rules.ts'
import type { GrantedScopes } from './granted-scopes.ts'
import { containsAddress, type IpNetwork } from './ip-network.ts'
import type { WantedScope } from './scope-template.ts'

/** Who asks, as earlier checks found out. */
export interface Holder {
  readonly agent: AgentFact
  readonly delegation: DelegationFact | undefined
}

/** What a caller was granted, by whom; a scope counts when every list covers it. */
export interface Holdings {
  /** The token, or every piece of a chain: what the first one ends or restricts binds the last one, too. */
  readonly pieces: readonly Piece[]
  /** What the service itself says of the agent. */
  readonly registered: readonly GrantedScopes[]
}

/** A token, or a piece of a chain. */
export interface Piece {
  readonly list: GrantedScopes
  /** Unix seconds. */
  readonly issuedAt: number
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
  if (delegation === undefined) {
    const registered = findRegistered(agent, rules)
    return { pieces: [], registered: registered.length === 0 ? [NOTHING] : registered }
  }
  const { scopes, issuedAt, links = [{ scopes, issuedAt }] } = delegation
  const pieces = links.map((link) => ({ list: rules.readScopes(link.scopes), issuedAt: link.issuedAt }))
  if (rules.ceiling === 'off') return { pieces, registered: [] }
  const registered = findRegistered(agent, rules)
  const isUnstated = rules.ceiling === 'required' && registered.length === 0
  return { pieces, registered: isUnstated ? [NOTHING] : registered }
}

function findRegistered({ id, record }: AgentFact, rules: CapabilityRules): readonly GrantedScopes[] {
  const { capabilities } = record
  const lists = [
    capabilities === undefined ? undefined : rules.readRegistered(capabilities),
    rules.blocks.get(id)?.granted,
  ]
  return lists.filter((list) => list !== undefined)
}

/** Whether all that a caller holds covers a scope. */
export function holdsScope({ pieces, registered }: Holdings, wanted: WantedScope): boolean {
  if (pieces.length === 0) return registered.every((list) => list.coversUnbounded(wanted))
  return tokenCovers(pieces, wanted) && registered.every((list) => list.covers(wanted))
}

/** Whether a token, with every piece of its chain, covers a scope. */
export function tokenCovers(pieces: readonly Piece[], wanted: WantedScope): boolean {
  return pieces.every(({ list }) => list.covers(wanted))
}

/**
 * Refuses what a scope rules out for the token as a whole, whichever of its scopes is used: a duration that is over, an
 * address that is not the caller's.
 * @throws {@link Refusal} `token_expired`, `constraint_violation`, `constraint_unknown`
 */
export function requireUnrestricted(holdings: Holdings, { context, nowMs }: Pick<Asking, 'context' | 'nowMs'>): void {
  const { pieces, registered } = holdings
  for (const { list, issuedAt } of pieces) {
    const shortest = shortestOf([list, ...registered])
    if (!(nowMs < (issuedAt + shortest) * 1000)) {
      throw new Refusal('token_expired', `a scope of the token ends it ${shortest} s after it was issued`)
    }
  }
  const lists = [...pieces.map(({ list }) => list), ...registered]
  if (lists.some(({ isUnclear }) => isUnclear)) {
    throw new Refusal('constraint_unknown', 'what was granted is restricted in a way that is not understood here')
  }
  const isHere = (network: IpNetwork): boolean => {
    const remoteAddress = context?.remoteAddress
    return remoteAddress !== undefined && containsAddress(network, remoteAddress)
  }
  if (!lists.every(({ networks }) => networks.every(isHere))) {
    throw new Refusal('constraint_violation', 'what was granted may not be used from this address')
  }
}

function shortestOf(lists: readonly GrantedScopes[]): number {
  return Math.min(...lists.map(({ shortestSeconds = Number.POSITIVE_INFINITY }) => shortestSeconds))
}
