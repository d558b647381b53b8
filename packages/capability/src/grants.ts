import {
  type AgentFact,
  type AgentRecord,
  type CapabilityFact,
  type DelegationFact,
  type ProofFact,
  Refusal,
} from '@countermark/core'
import type { CapabilityContext, IpNetwork } from '@countermark/core/internal'
import type { CompiledBlock } from './blocks/compile-block.ts'
import { type ConstrainedScope, type ConstraintGroup, gatherGroups } from './constraints/constraint-groups.ts'
import type { ConstraintCompiler } from './constraints/constraint-table.ts'
import type { GrantedScopes, ReadScopes } from './scopes/granted-scopes.ts'
import type { RequiredScope } from './scopes/required-scopes.ts'

/** What must be known before; all but the agent is used where it is known. */
export interface CallerFacts {
  readonly agent: AgentFact
  readonly delegation?: DelegationFact | undefined
  readonly proof?: ProofFact | undefined
  readonly capability?: CapabilityFact | undefined
}

/** To whom something was granted, as earlier checks found out. */
export type Grantee = Pick<CallerFacts, 'agent' | 'delegation'>

/** By which rules grants are read. */
export interface GrantRules extends ConstraintCompiler {
  /** Reads the scopes of a token. */
  readonly readScopes: ReadScopes
  /** The same for what a registry says, which knows roles. */
  readonly readRegistered: ReadScopes
  /** What a registry grants at most: only where it says so, always, or never looked at. */
  readonly ceiling: 'stated' | 'required' | 'off'
  /** Capability blocks, by agent. */
  readonly blocks: ReadonlyMap<string, CompiledBlock>
  /** Types of `authorization_details` that are about another service. */
  readonly ignoredDetailTypes: ReadonlySet<string>
}

/** Scopes that are all required, and their names: as the route declares them, as they were filled in, and as written. */
export interface Alternative {
  readonly scopes: readonly ConstrainedScope[]
  readonly names: {
    readonly declared: readonly string[]
    readonly used: readonly string[]
    readonly asked: readonly string[]
  }
}

/** What a caller was granted, by whom; the same for all of its requests. */
export interface Grants {
  /** Whether all of it covers a scope. */
  readonly covers: (required: RequiredScope) => boolean
  /** Whether the token alone does, with every link of its chain; `false` without one. */
  readonly tokenCovers: (required: RequiredScope) => boolean
  /** Unix milliseconds: when the token ends, or a duration among the scopes ends it. */
  readonly endsAtMs: number
  /** The caller's address must lie in every one of them. */
  readonly networks: readonly IpNetwork[]
  /** Whether a restriction is not understood here. */
  readonly isUnclear: boolean
  /** The constraints that are about a scope. */
  readonly groupsFor: (required: RequiredScope) => readonly ConstraintGroup[]
  /** What routes without parameters found out before, by the scopes they require; it goes with the route. */
  readonly alternatives: WeakMap<object, readonly Alternative[]>
}

interface KnownGrants {
  readonly record: AgentRecord
  /** Rules spread into others share the finder, and not what it found. */
  readonly rules: GrantRules
  readonly grants: Grants
}

/** Finds what was granted to a caller; what cannot change is worked out once. */
export type FindGrants = (grantee: Grantee, rules: GrantRules) => Grants

/** Makes a finder that remembers, for as long as the token or the agent's record is in use. */
export function createGrantFinder(): FindGrants {
  const known = new WeakMap<object, KnownGrants>()
  return (grantee, rules) => {
    const { id, record } = grantee.agent
    const key = grantee.delegation ?? record
    const before = known.get(key)
    const isSame = before !== undefined && before.rules === rules && before.record === record && record.id === id
    if (isSame) return before.grants
    const grants = collectGrants(grantee, rules)
    if (Object.isFrozen(key) && Object.isFrozen(record)) known.set(key, { record, rules, grants })
    return grants
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
function collectGrants({ agent, delegation }: Grantee, rules: GrantRules): Grants {
  // Each link of a chain counts: what the first one ends or restricts binds the last one, too.
  const { scopes = [], issuedAt = 0, links = [{ scopes, issuedAt }] } = delegation ?? { links: [] }
  const linked = links.map((link) => ({ list: rules.readScopes(link.scopes), issuedAt: link.issuedAt }))
  const registered = readRegistered({ agent, delegation }, rules)
  const lists = [...linked.map(({ list }) => list), ...registered]
  const ends = linked.map((link) => link.issuedAt + shortestOf([link.list, ...registered]))
  // A handler may hold what it knows of the caller for longer than the token lives.
  if (delegation !== undefined) ends.push(delegation.expiresAt)
  const tokenCovers = (required: RequiredScope): boolean =>
    linked.length > 0 && linked.every(({ list }) => list.covers(required))
  return {
    tokenCovers,
    covers: (required) => {
      if (delegation === undefined) return registered.every((list) => list.coversUnbounded(required))
      return tokenCovers(required) && registered.every((list) => list.covers(required))
    },
    endsAtMs: Math.min(...ends) * 1000,
    networks: lists.flatMap(({ networks }) => networks),
    isUnclear: lists.some(({ isUnclear }) => isUnclear),
    groupsFor: createGroupFinder({ agent, delegation }, rules),
    alternatives: new WeakMap(),
  }
}

function readRegistered({ agent, delegation }: Grantee, rules: GrantRules): readonly GrantedScopes[] {
  if (delegation !== undefined && rules.ceiling === 'off') return []
  const { capabilities } = agent.record
  const ofRecord = capabilities && rules.readRegistered(capabilities)
  const lists = [ofRecord, rules.blocks.get(agent.id)?.granted].filter((list) => list !== undefined)
  const isRequired = delegation === undefined || rules.ceiling === 'required'
  return lists.length === 0 && isRequired ? [NOTHING] : lists
}

function shortestOf(lists: readonly GrantedScopes[]): number {
  return Math.min(...lists.map(({ shortestSeconds = Number.POSITIVE_INFINITY }) => shortestSeconds))
}

/** Parameters of routes make ever new scopes. */
const MAX_REMEMBERED = 32

function createGroupFinder({ agent, delegation }: Grantee, rules: GrantRules): Grants['groupsFor'] {
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
  return (required) => {
    const before = known.get(required.text)
    if (before !== undefined) return before
    const groups = gatherGroups(required, sources)
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(required.text, groups)
    return groups
  }
}

/** Finds the constraints of scopes that are all required. */
export function constrain(scopes: readonly RequiredScope[], { groupsFor }: Grants): Alternative {
  return {
    scopes: scopes.map((required) => ({ required, groups: groupsFor(required) })),
    names: {
      declared: Object.freeze(scopes.map(({ declared, text }) => declared ?? text)),
      used: Object.freeze(scopes.map(({ text }) => text)),
      asked: Object.freeze(scopes.map(({ written }) => written)),
    },
  }
}

/**
 * Refuses what a scope rules out for the token as a whole, whichever of its scopes is used: a duration that is over, an
 * address that is not the caller's.
 * @throws {@link Refusal} `token_expired`, `constraint_violation`, `constraint_unknown`
 */
export function requireUnrestricted(
  { endsAtMs, isUnclear, networks }: Grants,
  { context, nowMs }: { readonly context: CapabilityContext | undefined; readonly nowMs: number },
): void {
  if (!(nowMs < endsAtMs)) {
    throw new Refusal('token_expired', 'the token has ended, or a scope with a duration has ended it')
  }
  if (isUnclear) {
    throw new Refusal('constraint_unknown', 'what was granted is restricted in a way that is not understood here')
  }
  if (networks.length === 0) return
  const remoteAddress = context?.remoteAddress
  const isHere = (network: IpNetwork): boolean => remoteAddress !== undefined && network.contains(remoteAddress)
  if (networks.every(isHere)) return
  throw new Refusal('constraint_violation', 'what was granted may not be used from this address')
}
