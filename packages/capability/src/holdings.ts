import { type AgentFact, type AgentRecord, type DelegationFact, Refusal } from '@countermark/core'
import type { IpNetwork } from '@countermark/core/internal'
import type { Asking, LimitedScope } from './asking.ts'
import type { CapabilityRules } from './capability-rules.ts'
import { type ConstraintGroup, gatherGroups } from './constraints/constraint-groups.ts'
import type { GrantedScopes } from './granted-scopes.ts'
import type { WantedScope } from './scope-template.ts'

/** Who asks, as earlier checks found out. */
export interface Holder {
  readonly agent: AgentFact
  readonly delegation: DelegationFact | undefined
}

/** What a caller was granted, by whom; the same for all of its requests. */
export interface Holdings {
  /** Whether all of it covers a scope. */
  readonly covers: (wanted: WantedScope) => boolean
  /** Whether the token alone does, with every piece of its chain; `false` without one. */
  readonly tokenCovers: (wanted: WantedScope) => boolean
  /** Unix milliseconds: when the token ends, or a duration among the scopes ends it. */
  readonly endsAtMs: number
  /** The caller's address must lie in every one of them. */
  readonly networks: readonly IpNetwork[]
  /** A restriction that nobody here understands. */
  readonly isUnclear: boolean
  /** The limits that are about a scope. */
  readonly groupsFor: (wanted: WantedScope) => readonly ConstraintGroup[]
  /** What routes without parameters found out before, by what they ask for; it goes with the route. */
  readonly limited: WeakMap<object, readonly (readonly LimitedScope[])[]>
  /** The names of scopes, as facts hold them. */
  readonly names: WeakMap<readonly LimitedScope[], ScopeNames>
}

/** Scopes by name: as the route declares them, as they were filled in, and as they were written. */
export interface ScopeNames {
  readonly declared: readonly string[]
  readonly used: readonly string[]
  readonly asked: readonly string[]
}

interface KnownHoldings {
  readonly record: AgentRecord
  /** Rules spread into others share the finder, and not what it found. */
  readonly rules: CapabilityRules
  readonly holdings: Holdings
}

/** Finds what callers hold; what cannot change is worked out once. */
export type FindHoldings = (holder: Holder, rules: CapabilityRules) => Holdings

/** Makes a finder that remembers, for as long as somebody holds the token or the agent's record. */
export function createHoldingsFinder(): FindHoldings {
  const known = new WeakMap<object, KnownHoldings>()
  return ({ agent, delegation }, rules) => {
    const { record } = agent
    const key = delegation ?? record
    const before = known.get(key)
    const isSame = before !== undefined && before.rules === rules && before.record === record && record.id === agent.id
    if (isSame) return before.holdings
    const holdings = collectHoldings({ agent, delegation }, rules)
    if (Object.isFrozen(key) && Object.isFrozen(record)) known.set(key, { record, rules, holdings })
    return holdings
  }
}

const NOTHING: GrantedScopes = {
  covers: () => false,
  coversUnbounded: () => false,
  shortestSeconds: undefined,
  networks: [],
  isUnclear: false,
}

/** A token is cut to what registry and blocks say of the agent; without a token these alone count. */
function collectHoldings({ agent, delegation }: Holder, rules: CapabilityRules): Holdings {
  const pieces = readPieces(delegation, rules)
  const stated = delegation !== undefined && rules.ceiling === 'off' ? [] : readRegistered(agent, rules)
  const isRequired = delegation === undefined || rules.ceiling === 'required'
  const registered = stated.length === 0 && isRequired ? [NOTHING] : stated
  const lists = [...pieces.map(({ list }) => list), ...registered]
  const ends = pieces.map(({ list, issuedAt }) => issuedAt + shortestOf([list, ...registered]))
  // A handler may hold what it knows of the caller for longer than the token lives.
  if (delegation !== undefined) ends.push(delegation.expiresAt)
  const tokenCovers = (wanted: WantedScope): boolean =>
    pieces.length > 0 && pieces.every(({ list }) => list.covers(wanted))
  return {
    tokenCovers,
    covers: (wanted) => {
      if (delegation === undefined) return registered.every((list) => list.coversUnbounded(wanted))
      return tokenCovers(wanted) && registered.every((list) => list.covers(wanted))
    },
    endsAtMs: Math.min(...ends) * 1000,
    networks: lists.flatMap(({ networks }) => networks),
    isUnclear: lists.some(({ isUnclear }) => isUnclear),
    groupsFor: createGroupFinder({ agent, delegation }, rules),
    limited: new WeakMap(),
    names: new WeakMap(),
  }
}

/** A token, or every piece of a chain: what the first one ends or restricts binds the last one, too. */
function readPieces(
  delegation: DelegationFact | undefined,
  { readScopes }: CapabilityRules,
): readonly { readonly list: GrantedScopes; readonly issuedAt: number }[] {
  if (delegation === undefined) return []
  const { scopes, issuedAt, links = [{ scopes, issuedAt }] } = delegation
  return links.map((link) => ({ list: readScopes(link.scopes), issuedAt: link.issuedAt }))
}

function readRegistered({ id, record }: AgentFact, rules: CapabilityRules): readonly GrantedScopes[] {
  const { capabilities } = record
  const lists = [
    capabilities === undefined ? undefined : rules.readRegistered(capabilities),
    rules.blocks.get(id)?.granted,
  ]
  return lists.filter((list) => list !== undefined)
}

function shortestOf(lists: readonly GrantedScopes[]): number {
  return Math.min(...lists.map(({ shortestSeconds = Number.POSITIVE_INFINITY }) => shortestSeconds))
}

/** Parameters of routes make ever new scopes. */
const MAX_REMEMBERED = 32

function createGroupFinder({ agent, delegation }: Holder, rules: CapabilityRules): Holdings['groupsFor'] {
  const known = new Map<string, readonly ConstraintGroup[]>()
  const sources = {
    agentId: agent.id,
    delegation,
    recordConstraints: agent.record.constraints,
    block: rules.blocks.get(agent.id),
    ignoredDetailTypes: rules.ignoredDetailTypes,
    compiler: rules,
    compiled: new Map(),
  }
  return (wanted) => {
    const before = known.get(wanted.text)
    if (before !== undefined) return before
    const groups = gatherGroups(wanted, sources)
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(wanted.text, groups)
    return groups
  }
}

/**
 * Refuses what a scope rules out for the token as a whole, whichever of its scopes is used: a duration that is over, an
 * address that is not the caller's.
 * @throws {@link Refusal} `token_expired`, `constraint_violation`, `constraint_unknown`
 */
export function requireUnrestricted(holdings: Holdings, { context, nowMs }: Pick<Asking, 'context' | 'nowMs'>): void {
  const { endsAtMs, isUnclear, networks } = holdings
  if (!(nowMs < endsAtMs))
    throw new Refusal('token_expired', 'the token has ended, or a scope with a duration has ended it')
  if (isUnclear) {
    throw new Refusal('constraint_unknown', 'what was granted is restricted in a way that is not understood here')
  }
  if (networks.length === 0) return
  const remoteAddress = context?.remoteAddress
  const isHere = (network: IpNetwork): boolean => remoteAddress !== undefined && network.contains(remoteAddress)
  if (networks.every(isHere)) return
  throw new Refusal('constraint_violation', 'what was granted may not be used from this address')
}
