import { createHash } from 'node:crypto'
import type { DelegationFact } from '@countermark/core'
import type { CompiledBlock } from '../blocks/compile-block.ts'
import { coversSegments, overlapsSegments } from '../covers-scope.ts'
import { findScope } from '../scope.ts'
import type { WantedScope } from '../scope-template.ts'
import { compileLimit, type Limit, type LimitCompiler } from './compile-limit.ts'
import { elsewhere } from './resources.ts'

/** Limits that must all hold. */
export interface Alternative {
  readonly limits: readonly Limit[]
  /** Names the counters of its budgets for a scope: what is counted under the same name is counted together. */
  readonly countersFor: (wanted: WantedScope) => readonly string[]
}

/** Alternatives of which one must hold. */
export interface ConstraintGroup {
  readonly alternatives: readonly Alternative[]
  /** `action`: about this very action. `agent`: about everything the agent does, so some of it may not be about this route. */
  readonly about: 'action' | 'agent'
  /** Whether the caller can read these limits in its own token: then it may be told which one it broke. */
  readonly isCallersOwn: boolean
}

/** Where limits come from. */
export interface ConstraintSources {
  readonly agentId: string
  readonly delegation: DelegationFact | undefined
  readonly recordConstraints: Readonly<Record<string, unknown>> | undefined
  readonly block: CompiledBlock | undefined
  readonly ignoredDetailTypes: ReadonlySet<string>
  readonly compiler: LimitCompiler
  /** What was compiled before, by where it stands: a grant is read once, however many scopes are asked for. */
  readonly compiled: Map<object, Alternative>
}

/** The type of `authorization_details` that this profile defines. */
export const CAPABILITY_TYPE = 'urn:agent-auth:capability:1'

type Detail = Readonly<Record<string, unknown>>
type Constraints = Readonly<Record<string, unknown>>

const NO_GROUPS: readonly ConstraintGroup[] = []

/** All groups that are about a scope. Each of them must let the request pass: that is how limits merge down a chain. */
export function gatherGroups(wanted: WantedScope, sources: ConstraintSources): readonly ConstraintGroup[] {
  const { delegation, recordConstraints, block, agentId } = sources
  const links = delegation?.authorizationDetails ?? []
  if (links.length === 0 && recordConstraints === undefined && block === undefined) return NO_GROUPS
  const groups = links.flatMap((details) => groupsOfLink(details, wanted, sources))
  if (recordConstraints !== undefined)
    groups.push(agentGroup(recordConstraints, recordConstraints, `record ${agentId}`, sources))
  if (block !== undefined) groups.push(...groupsOfBlock(block, wanted, sources))
  return groups.filter(({ alternatives }) => alternatives.some(({ limits }) => limits.length > 0))
}

/** RFC 9396: each entry grants on its own, so one that holds is enough. An entry of another type says nothing we know. */
function groupsOfLink(details: readonly Detail[], wanted: WantedScope, sources: ConstraintSources): ConstraintGroup[] {
  const ours = details.filter(({ type }) => type === CAPABILITY_TYPE)
  const alternatives = ours
    .filter((detail) => isAbout(detail, wanted, sources))
    .map((detail) => once(detail, sources, () => detailAlternative(detail, sources)))
  const foreign = details.filter(
    ({ type }) => type !== CAPABILITY_TYPE && !sources.ignoredDetailTypes.has(String(type)),
  )
  const groups = [
    { alternatives },
    ...foreign.map((detail) => ({
      alternatives: [once(detail, sources, () => foreignAlternative(detail, sources))],
    })),
  ]
  return groups.map((group) => ({ ...group, about: 'action', isCallersOwn: true }))
}

/** Whether an entry is about what is wanted; one whose actions cannot be read may be. */
function isAbout({ actions }: Detail, { segments }: WantedScope, { compiler }: ConstraintSources): boolean {
  const scopes = findActions(actions, compiler)
  return scopes === undefined || scopes.some((scope) => overlapsSegments(scope, segments))
}

/** The actions of an entry; `undefined` when it states none that can be read. */
function findActions(actions: unknown, { rename }: LimitCompiler): readonly (readonly string[])[] | undefined {
  if (!Array.isArray(actions)) return undefined
  const scopes = actions.map((action) => (typeof action === 'string' ? findScope(action, rename)?.segments : undefined))
  return scopes.every((segments) => segments !== undefined) ? scopes : undefined
}

function detailAlternative(detail: Detail, { delegation, compiler }: ConstraintSources): Alternative {
  const { type: _, actions, constraints = {}, ...fields } = detail
  const isObject = typeof constraints === 'object' && constraints !== null && !Array.isArray(constraints)
  const isUnreadable = actions !== undefined && findActions(actions, compiler) === undefined
  const stated = [
    ...Object.entries(fields),
    // What cannot be read stands under a name that no limit has.
    ...(isObject ? Object.entries(constraints) : [['constraints', constraints] as const]),
    ...(isUnreadable ? [['actions', actions] as const] : []),
  ]
  return {
    limits: stated.map(([name, limit]) => compileLimit(name, limit, compiler)),
    countersFor: countersOfGrant(delegation, findActions(actions, compiler) ?? [['*']]),
  }
}

/**
 * What a budget means names its counter, never how the grant is written: a second spelling must not open a second budget.
 * One counter is for the scope that is wanted, one for all actions of the entry together where there are more.
 */
function countersOfGrant(
  delegation: DelegationFact | undefined,
  actions: readonly (readonly string[])[],
): Alternative['countersFor'] {
  const { issuer, subject, actor, priorActors } = delegation ?? {}
  // The first agent of the chain, not the latest: all agents that it hands rights on to share its budget.
  const owner = ['grant', issuer, subject, (priorActors?.at(-1) ?? actor)?.id]
  const together = [...new Set(actions.map((segments) => segments.join(':')))].sort()
  return ({ text }) => {
    const ofScope = hashOf([...owner, 'scope', text])
    return together.every((action) => action === text) ? [ofScope] : [ofScope, hashOf([...owner, 'actions', together])]
  }
}

/** An entry of a type that nobody here knows: harmless in so far as it says that it is about other places. */
function foreignAlternative({ type, locations }: Detail, { compiler }: ConstraintSources): Alternative {
  const judge = elsewhere(locations, compiler) ?? (() => 'unknown')
  return { limits: [{ name: 'type', limit: type, judge }], countersFor: () => [] }
}

function groupsOfBlock(
  block: CompiledBlock,
  { segments }: WantedScope,
  sources: ConstraintSources,
): readonly ConstraintGroup[] {
  const { agentId, rows, constraints } = block
  const covering = rows.filter((row) => coversSegments(row.segments, segments))
  const alternatives = covering.map((row) =>
    once(row, sources, () => alternativeOf(row.constraints, `block ${agentId} ${row.scope}`, sources)),
  )
  const ofAgent = agentGroup(block, constraints, `block ${agentId}`, sources)
  return [{ alternatives, about: 'action', isCallersOwn: false }, ofAgent]
}

function agentGroup(
  place: object,
  constraints: Constraints,
  owner: string,
  sources: ConstraintSources,
): ConstraintGroup {
  const alternative = once(place, sources, () => alternativeOf(constraints, owner, sources))
  return { alternatives: [alternative], about: 'agent', isCallersOwn: false }
}

function once(place: object, { compiled }: ConstraintSources, compile: () => Alternative): Alternative {
  const known = compiled.get(place) ?? compile()
  compiled.set(place, known)
  return known
}

function alternativeOf(constraints: Constraints, owner: string, { compiler }: ConstraintSources): Alternative {
  const limits = Object.entries(constraints).map(([name, limit]) => compileLimit(name, limit, compiler))
  const counters = [hashOf(owner)]
  return { limits, countersFor: () => counters }
}

function hashOf(name: unknown): string {
  return createHash('sha256').update(JSON.stringify(name)).digest('base64url')
}
