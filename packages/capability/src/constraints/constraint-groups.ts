import { hash } from 'node:crypto'
import type { DelegationFact } from '@countermark/core'
import type { CompiledBlock } from '../blocks/compile-block.ts'
import type { RequiredScope } from '../scopes/required-scopes.ts'
import { coversSegments, overlapsSegments, tryParseScope } from '../scopes/scope.ts'
import { type Constraint, type ConstraintCompiler, compileConstraint } from './constraint-table.ts'
import { elsewhere } from './places.ts'

/** Constraints that must all hold. */
export interface ConstraintSet {
  readonly constraints: readonly Constraint[]
  /** Names the counters of its budgets for a scope: what is counted under the same name is counted together. */
  readonly countersFor: (required: RequiredScope) => readonly string[]
}

/** Sets of which one must hold. */
export interface ConstraintGroup {
  readonly sets: readonly ConstraintSet[]
  /** `action`: about this very action. `agent`: about everything the agent does, so some of it may not be about this route. */
  readonly about: 'action' | 'agent'
  /** Whether the caller can read these constraints in its own token: then it may be told which one it violates. */
  readonly isVisible: boolean
}

/** A scope and the constraints that are about it. */
export interface ConstrainedScope {
  readonly required: RequiredScope
  readonly groups: readonly ConstraintGroup[]
}

/** Where constraints come from. */
export interface ConstraintSources {
  readonly agentId: string
  readonly delegation: DelegationFact | undefined
  readonly recordConstraints: Readonly<Record<string, unknown>> | undefined
  readonly block: CompiledBlock | undefined
  readonly ignoredDetailTypes: ReadonlySet<string>
  readonly compiler: ConstraintCompiler
  /** What was compiled before, by where it stands: a grant is read once, however many scopes are asked for. */
  readonly compiled: Map<object, ConstraintSet>
}

/** The types of `authorization_details` that this profile defines. */
export const CAPABILITY_TYPE = 'urn:agent-auth:capability:1'
/** What its issuer knows of an agent of the chain: holds for everything that is done with the token, whichever entry grants it. */
export const LIMITS_TYPE = 'urn:agent-auth:limits:1'

type Detail = Readonly<Record<string, unknown>>
type Constraints = Readonly<Record<string, unknown>>

const NO_GROUPS: readonly ConstraintGroup[] = []

/** All groups that are about a scope. Each of them must let the request pass: that is how constraints merge down a chain. */
export function gatherGroups(required: RequiredScope, sources: ConstraintSources): readonly ConstraintGroup[] {
  const { delegation, recordConstraints, block, agentId } = sources
  const links = delegation?.authorizationDetails ?? []
  if (links.length === 0 && recordConstraints === undefined && block === undefined) return NO_GROUPS
  const groups = links.flatMap((details) => groupsOfLink(details, required, sources))
  if (recordConstraints !== undefined)
    groups.push(agentGroup(recordConstraints, recordConstraints, `record ${agentId}`, sources))
  if (block !== undefined) groups.push(...groupsOfBlock(block, required, sources))
  return groups.filter(({ sets }) => sets.some(({ constraints }) => constraints.length > 0))
}

/** RFC 9396: each entry grants on its own, so one that holds is enough. An entry of another type says nothing we know. */
function groupsOfLink(
  details: readonly Detail[],
  required: RequiredScope,
  sources: ConstraintSources,
): ConstraintGroup[] {
  const ours = details.filter((detail) => detail['type'] === CAPABILITY_TYPE && isAbout(detail, required, sources))
  const limits = details.filter(({ type }) => type === LIMITS_TYPE)
  const foreign = details.filter(
    ({ type }) => type !== CAPABILITY_TYPE && type !== LIMITS_TYPE && !sources.ignoredDetailTypes.has(String(type)),
  )
  const groups = [
    ours.map((detail) => compileOnce(detail, sources, () => setOfDetail(detail, sources))),
    ...foreign.map((detail) => [compileOnce(detail, sources, () => setOfForeignDetail(detail, sources))]),
  ]
  return [
    ...groups.map((sets): ConstraintGroup => ({ sets, about: 'action', isVisible: true })),
    ...limits.map((detail) => groupOfLimits(detail, sources)),
  ]
}

/** Each such entry must hold. What else it says than its agent and its constraints is not understood. */
function groupOfLimits(detail: Detail, sources: ConstraintSources): ConstraintGroup {
  const { type: _, agent, constraints, ...others } = detail
  const isObject = typeof constraints === 'object' && constraints !== null && !Array.isArray(constraints)
  const limits = isObject ? { ...constraints, ...others } : { constraints, ...others }
  const owner = `limits ${sources.delegation?.issuer} ${String(agent)}`
  const set = compileOnce(detail, sources, () => setOf(limits, owner, sources))
  return { sets: [set], about: 'agent', isVisible: true }
}

/** Whether an entry is about the scope; one whose actions cannot be read may be. */
function isAbout({ actions }: Detail, { segments }: RequiredScope, { compiler }: ConstraintSources): boolean {
  const scopes = tryParseActions(actions, compiler)
  return scopes === undefined || scopes.some((scope) => overlapsSegments(scope, segments))
}

/** The actions of an entry; `undefined` when it states none that can be read. */
function tryParseActions(actions: unknown, { rename }: ConstraintCompiler): readonly (readonly string[])[] | undefined {
  if (!Array.isArray(actions)) return undefined
  const scopes = actions.map((action) =>
    typeof action === 'string' ? tryParseScope(action, rename)?.segments : undefined,
  )
  return scopes.every((segments) => segments !== undefined) ? scopes : undefined
}

function setOfDetail(detail: Detail, { delegation, compiler }: ConstraintSources): ConstraintSet {
  const { type: _, actions, constraints = {}, ...fields } = detail
  const isObject = typeof constraints === 'object' && constraints !== null && !Array.isArray(constraints)
  const isUnreadable = actions !== undefined && tryParseActions(actions, compiler) === undefined
  const entries = [
    ...Object.entries(fields),
    // What cannot be read stands under a name that no constraint has.
    ...(isObject ? Object.entries(constraints) : [['constraints', constraints] as const]),
    ...(isUnreadable ? [['actions', actions] as const] : []),
  ]
  return {
    constraints: entries.map(([name, limit]) => compileConstraint(name, limit, compiler)),
    countersFor: countersOfGrant(delegation, tryParseActions(actions, compiler) ?? [['*']]),
  }
}

/**
 * What a budget means names its counter, never how the grant is written: a second spelling must not open a second budget.
 * One counter is for the scope, one for all actions of the entry together where there are more.
 */
function countersOfGrant(
  delegation: DelegationFact | undefined,
  actions: readonly (readonly string[])[],
): ConstraintSet['countersFor'] {
  const { issuer, subject, actor, priorActors } = delegation ?? {}
  // The first agent of the chain, not the latest: the agents that it delegates to share its budget.
  const owner = ['grant', issuer, subject, (priorActors?.at(-1) ?? actor)?.id]
  const together = [...new Set(actions.map((segments) => segments.join(':')))].sort()
  return ({ text }) => {
    const ofScope = hashOf([...owner, 'scope', text])
    return together.every((action) => action === text) ? [ofScope] : [ofScope, hashOf([...owner, 'actions', together])]
  }
}

/** An entry of an unknown type: harmless when it says that it is about other places. */
function setOfForeignDetail({ type, locations }: Detail, { compiler }: ConstraintSources): ConstraintSet {
  const check = elsewhere(locations, compiler) ?? (() => 'unknown')
  return { constraints: [{ name: 'type', limit: type, check }], countersFor: () => [] }
}

function groupsOfBlock(
  block: CompiledBlock,
  { segments }: RequiredScope,
  sources: ConstraintSources,
): readonly ConstraintGroup[] {
  const { agentId, rows, constraints } = block
  const covering = rows.filter((row) => coversSegments(row.segments, segments))
  const sets = covering.map((row) =>
    compileOnce(row, sources, () => setOf(row.constraints, `block ${agentId} ${row.scope}`, sources)),
  )
  const ofAgent = agentGroup(block, constraints, `block ${agentId}`, sources)
  return [{ sets, about: 'action', isVisible: false }, ofAgent]
}

function agentGroup(
  place: object,
  constraints: Constraints,
  owner: string,
  sources: ConstraintSources,
): ConstraintGroup {
  const set = compileOnce(place, sources, () => setOf(constraints, owner, sources))
  return { sets: [set], about: 'agent', isVisible: false }
}

function compileOnce(place: object, { compiled }: ConstraintSources, compile: () => ConstraintSet): ConstraintSet {
  const known = compiled.get(place) ?? compile()
  compiled.set(place, known)
  return known
}

function setOf(constraints: Constraints, owner: string, { compiler }: ConstraintSources): ConstraintSet {
  const compiled = Object.entries(constraints).map(([name, limit]) => compileConstraint(name, limit, compiler))
  const counters = [hashOf(owner)]
  return { constraints: compiled, countersFor: () => counters }
}

function hashOf(name: unknown): string {
  return hash('sha256', JSON.stringify(name), 'base64url')
}
