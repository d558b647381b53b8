import type { DelegationFact } from '@countermark/core'
import type { CompiledBlock } from '../blocks/compile-block.ts'
import { coversSegments, overlapsSegments } from '../covers-scope.ts'
import { findScope } from '../scope.ts'
import type { RenameScope } from '../scope-aliases.ts'
import type { WantedScope } from '../scope-template.ts'
import { isHere } from './resources.ts'

/** A limit by its name. */
export type Limit = readonly [name: string, limit: unknown]

/** Limits that must all hold. */
export interface Alternative {
  readonly limits: readonly Limit[]
  /** Whose budgets these are: what has the same owner is counted together. */
  readonly budgetOwner: () => string
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
  readonly wanted: WantedScope
  readonly agentId: string
  readonly delegation: DelegationFact | undefined
  readonly recordConstraints: Readonly<Record<string, unknown>> | undefined
  readonly block: CompiledBlock | undefined
  readonly ignoredDetailTypes: ReadonlySet<string>
  readonly rename: RenameScope
  readonly origin: string | undefined
  readonly path: string | undefined
}

/** The type of `authorization_details` that this profile defines. */
export const CAPABILITY_TYPE = 'urn:agent-auth:capability:1'

type Detail = Readonly<Record<string, unknown>>

const NO_GROUPS: readonly ConstraintGroup[] = []

/** All groups that are about a scope. Each of them must let the request pass: that is how limits merge down a chain. */
export function gatherGroups(sources: ConstraintSources): readonly ConstraintGroup[] {
  const { delegation, recordConstraints, block, agentId } = sources
  const links = delegation?.authorizationDetails ?? []
  if (links.length === 0 && recordConstraints === undefined && block === undefined) return NO_GROUPS
  const groups = links.flatMap((details) => groupsOfLink(details, sources))
  if (recordConstraints !== undefined) groups.push(agentGroup(recordConstraints, `record ${agentId}`))
  if (block !== undefined) groups.push(...groupsOfBlock(block, sources))
  return groups.filter(({ alternatives }) => alternatives.length > 0)
}

/** RFC 9396: each entry grants on its own, so one that holds is enough. An entry of another type says nothing we know. */
function groupsOfLink(details: readonly Detail[], sources: ConstraintSources): ConstraintGroup[] {
  const ours = details.filter(({ type }) => type === CAPABILITY_TYPE).filter((detail) => isAbout(detail, sources))
  const alternatives = ours.map((detail) => detailAlternative(detail, sources))
  const unknown = details.filter((detail) => isUnknownType(detail, sources)).map(unknownAlternative)
  const groups = [{ alternatives }, ...unknown.map((each) => ({ alternatives: [each] }))]
  return groups.map((group) => ({ ...group, about: 'action', isCallersOwn: true }))
}

/** Whether an entry is about what is wanted; one whose actions cannot be read may be. */
function isAbout({ actions }: Detail, { wanted, rename }: ConstraintSources): boolean {
  const scopes = findActions(actions, rename)
  return scopes === undefined || scopes.some((segments) => overlapsSegments(segments, wanted.segments))
}

/** The actions of an entry; `undefined` when it states none that can be read. */
function findActions(actions: unknown, rename: RenameScope): readonly (readonly string[])[] | undefined {
  if (!Array.isArray(actions)) return undefined
  const scopes = actions.map((action) => (typeof action === 'string' ? findScope(action, rename)?.segments : undefined))
  return scopes.every((segments) => segments !== undefined) ? scopes : undefined
}

function detailAlternative(detail: Detail, { delegation, rename }: ConstraintSources): Alternative {
  const { type: _, actions, constraints = {}, ...limits } = detail
  const isObject = typeof constraints === 'object' && constraints !== null && !Array.isArray(constraints)
  const isUnreadable = actions !== undefined && findActions(actions, rename) === undefined
  return {
    limits: [
      ...Object.entries(limits),
      // What cannot be read stands under a name that no limit has.
      ...(isObject ? Object.entries(constraints) : [['constraints', constraints] as const]),
      ...(isUnreadable ? [['actions', actions] as const] : []),
    ],
    // The first hand, not the latest: whoever hands rights on to a hundred others has one budget with them all.
    budgetOwner: () => {
      const { issuer, subject, actor, priorActors } = delegation ?? {}
      return JSON.stringify(['grant', issuer, subject, (priorActors?.at(-1) ?? actor)?.id, detail])
    },
  }
}

function isUnknownType(detail: Detail, { ignoredDetailTypes, origin, path }: ConstraintSources): boolean {
  const { type, locations } = detail
  if (type === CAPABILITY_TYPE || ignoredDetailTypes.has(String(type))) return false
  if (!Array.isArray(locations)) return true
  return locations.length === 0 || locations.some((location) => isHere(String(location), origin, path))
}

function unknownAlternative({ type }: Detail): Alternative {
  return { limits: [['type', type]], budgetOwner: () => '' }
}

function groupsOfBlock(block: CompiledBlock, { wanted }: ConstraintSources): readonly ConstraintGroup[] {
  const { agentId, rows, constraints } = block
  const covering = rows.filter(({ segments }) => coversSegments(segments, wanted.segments))
  const alternatives = covering.map((row) => ({
    limits: Object.entries(row.constraints),
    budgetOwner: () => `block ${agentId} ${row.scope}`,
  }))
  return [{ alternatives, about: 'action', isCallersOwn: false }, agentGroup(constraints, `block ${agentId}`)]
}

function agentGroup(constraints: Readonly<Record<string, unknown>>, owner: string): ConstraintGroup {
  const alternative = { limits: Object.entries(constraints), budgetOwner: () => owner }
  return { alternatives: [alternative], about: 'agent', isCallersOwn: false }
}
