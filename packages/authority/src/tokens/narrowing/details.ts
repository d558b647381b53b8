import { coversScope } from '@countermark/capability'
import {
  AmbiguousJson,
  canonicalJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
} from '@countermark/core/internal'
import { OAuthError } from '../oauth-error.ts'
import { BUDGETS, type Constraints, mergeConstraints } from './constraints.ts'

/** The type of `authorization_details` that our services understand (docs/protocol/constraints.md). */
export const CAPABILITY_TYPE = 'urn:agent-auth:capability:1'

/** One entry of `authorization_details`, read. */
export interface Detail {
  /** The scopes it is about. @default all */
  readonly actions: readonly string[] | undefined
  readonly constraints: Constraints
}

/** Members of an entry that constrain as well (RFC 9396 section 2.2). */
const FIELDS = ['identifier', 'locations', 'datatypes', 'privileges']
const MEMBERS = ['type', 'actions', 'constraints', ...FIELDS]
const MAX_ENTRIES = 16

/**
 * Reads the parameter `authorization_details` (RFC 9396 section 2).
 * @throws OAuthError `invalid_authorization_details`
 */
export function parseDetails(text: string | undefined): readonly Detail[] {
  if (text === undefined) return []
  return readDetails(parseJson(text))
}

function parseJson(text: string): unknown {
  try {
    return parseStrictJson(text)
  } catch (error) {
    if (error instanceof AmbiguousJson || error instanceof SyntaxError)
      throw invalid('must be JSON that has one reading')
    throw error
  }
}

/**
 * Reads a list of entries.
 * @throws OAuthError `invalid_authorization_details`
 */
export function readDetails(list: unknown): readonly Detail[] {
  if (!Array.isArray(list) || list.length > MAX_ENTRIES)
    throw invalid(`must be a list of at most ${MAX_ENTRIES} objects`)
  return list.map(readDetail)
}

function readDetail(entry: unknown): Detail {
  if (!isJsonObject(entry) || entry['type'] !== CAPABILITY_TYPE) throw invalid(`must be of the type ${CAPABILITY_TYPE}`)
  if (Object.keys(entry).some((member) => !MEMBERS.includes(member)))
    throw invalid(`may have the members ${MEMBERS.join(', ')}`)
  const { actions, constraints = {} } = entry
  if (!(actions === undefined || isScopeList(actions))) throw invalid('must list scopes as actions')
  if (!isJsonObject(constraints)) throw invalid('must hold constraints as an object')
  const merged = mergeConstraints(fieldsOf(entry), constraints)
  if (merged === undefined) throw invalid('must not contradict itself')
  return { actions, constraints: merged }
}

function isScopeList(actions: unknown): actions is readonly string[] {
  return Array.isArray(actions) && actions.length > 0 && actions.every((action) => typeof action === 'string')
}

function fieldsOf(entry: JsonObject): Constraints {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => FIELDS.includes(name)))
}

/** Entries as a token and a response carry them. */
export function writeDetails(details: readonly Detail[]): readonly JsonObject[] {
  return details.map(({ actions, constraints }) => {
    const entries = Object.entries(constraints)
    const fields = entries.filter(([name]) => FIELDS.includes(name))
    const others = entries.filter(([name]) => !FIELDS.includes(name))
    return {
      type: CAPABILITY_TYPE,
      ...(actions === undefined ? {} : { actions }),
      ...Object.fromEntries(fields),
      ...(others.length === 0 ? {} : { constraints: Object.fromEntries(others) }),
    }
  })
}

/**
 * One list that allows what both allow, for the scopes of a token. A service lets a request pass when one entry about its scope
 * holds, so that entries are merged pair by pair, for each scope.
 * @throws OAuthError `invalid_authorization_details` when the two have nothing in common, or would open a second budget
 */
export function mergeDetails(
  one: readonly Detail[],
  other: readonly Detail[],
  scopes: readonly string[],
): readonly Detail[] {
  if (one.length === 0) return other
  if (other.length === 0) return one
  const merged = new Map<string, MergedEntry>()
  for (const scope of scopes) {
    for (const entry of mergeFor(scope, one, other)) {
      const name = canonicalJson(entry.constraints as JsonValue)
      const known = merged.get(name)
      merged.set(name, {
        constraints: entry.constraints,
        actions: [...(known?.actions ?? []), scope],
        sources: new Set([...(known?.sources ?? []), ...entry.sources]),
      })
    }
  }
  requireOneBudget([...one, ...other], [...merged.values()])
  if (merged.size > MAX_ENTRIES) throw invalid(`must come to at most ${MAX_ENTRIES} entries`)
  return [...merged.values()].map(({ constraints, actions }) => ({ constraints, actions }))
}

interface MergedEntry {
  readonly constraints: Constraints
  readonly actions: readonly string[]
  readonly sources: ReadonlySet<Detail>
}

type Alternative = Pick<MergedEntry, 'constraints' | 'sources'>

function mergeFor(scope: string, one: readonly Detail[], other: readonly Detail[]): readonly Alternative[] {
  const [some, others] = [alternativesFor(scope, one), alternativesFor(scope, other)]
  const pairs = some.flatMap((a) => others.map((b) => both(a, b))).filter((pair) => pair !== undefined)
  if (pairs.length === 0) throw invalid('asks for what the subject does not allow')
  return pairs
}

/**
 * The entries about a scope of which one must hold. What is about a part of it only must hold as well: which part a request
 * will be about is not known here.
 */
function alternativesFor(scope: string, details: readonly Detail[]): readonly Alternative[] {
  const toAlternative = (detail: Detail): Alternative => ({
    constraints: detail.constraints,
    sources: new Set([detail]),
  })
  const whole = details.filter(
    ({ actions }) => actions === undefined || actions.some((action) => coversScope(action, scope)),
  )
  const parts = details.filter(
    (detail) =>
      !whole.includes(detail) && detail.actions?.some((action) => coversScope(scope, action) || mayMeet(action, scope)),
  )
  const bases = whole.length === 0 ? [UNBOUNDED] : whole.map(toAlternative)
  return bases.flatMap((base) => {
    const all = parts.map(toAlternative).reduce<Alternative | undefined>((sum, part) => sum && both(sum, part), base)
    return all === undefined ? [] : [all]
  })
}

const UNBOUNDED: Alternative = { constraints: {}, sources: new Set() }

function both(one: Alternative, other: Alternative): Alternative | undefined {
  const constraints = mergeConstraints(one.constraints, other.constraints)
  return constraints && { constraints, sources: new Set([...one.sources, ...other.sources]) }
}

/** Whether two patterns have a scope in common. */
function mayMeet(one: string, other: string): boolean {
  const [some, others] = [one.split(':'), other.split(':')]
  return (
    some.length === others.length &&
    some.every((segment, index) => segment === '*' || others[index] === '*' || segment === others[index])
  )
}

/** All actions of an entry share its budgets: two entries out of one would count them twice. */
function requireOneBudget(details: readonly Detail[], merged: readonly MergedEntry[]): void {
  const counted = details.filter(({ constraints }) => Object.keys(constraints).some((name) => BUDGETS.has(name)))
  if (counted.every((detail) => merged.filter(({ sources }) => sources.has(detail)).length <= 1)) return
  throw invalid('must not split an entry whose requests or amounts are counted together')
}

function invalid(why: string): OAuthError {
  return new OAuthError('invalid_authorization_details', `authorization_details ${why}`)
}

/** How often a token may be handed on: what each entry says, the least of it; never, where none says it. */
export function remainingDepth(details: readonly Detail[]): number {
  const stated = details.map(({ constraints }) => constraints['max_depth'])
  const depths = stated.filter((depth) => typeof depth === 'number')
  return depths.length === 0 ? 0 : Math.min(...depths)
}

/** The same entries, of which none says more than this: who gets a token cannot say how far it may go. */
export function capDepth(details: readonly Detail[], most: number): readonly Detail[] {
  return details.map((detail) => {
    const { max_depth: depth } = detail.constraints
    if (typeof depth !== 'number' || depth <= most) return detail
    return { ...detail, constraints: { ...detail.constraints, max_depth: Math.max(0, most) } }
  })
}

/** The same entries once a token is handed on. */
export function lowerDepth(details: readonly Detail[]): readonly Detail[] {
  return details.map((detail) => {
    const { max_depth: depth, ...others } = detail.constraints
    if (typeof depth !== 'number') return detail
    return { ...detail, constraints: { ...others, max_depth: Math.max(0, depth - 1) } }
  })
}
