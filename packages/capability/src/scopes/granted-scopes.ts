import { type IpNetwork, tryParseNetwork } from '@countermark/core/internal'
import type { RequiredScope } from './required-scopes.ts'
import { coversSegments, isRestriction, type Scope, tryParseScope } from './scope.ts'
import type { RenameScope } from './scope-aliases.ts'

/** As much of a scope as is compared. */
export type ComparedScope = Pick<RequiredScope, 'text' | 'segments'>

/** A list of scopes, read: what it grants, and what restricts its use. */
export interface GrantedScopes {
  readonly covers: (required: ComparedScope) => boolean
  /** The same without what has a duration: where there is no token, nothing could end it. */
  readonly coversUnbounded: (required: ComparedScope) => boolean
  /** The shortest of all durations, used or not: it bounds the whole token. `undefined` without one. */
  readonly shortestSeconds: number | undefined
  /** The caller's address must lie in every one of them. */
  readonly networks: readonly IpNetwork[]
  /** Whether there is a restriction that is not understood: it must not be passed over. */
  readonly isUnclear: boolean
}

/** Reads a list of scopes; the same frozen list is read once. */
export type ReadScopes = (scopes: readonly string[]) => GrantedScopes

const MAX_SCOPES = 1024
const IP_RESTRICTION = /^restrict:ip:/

/** Makes a reader that remembers, for as long as the list is in use. A role is a list of scopes, none of them a role. */
export function createScopeReader(
  rename: RenameScope,
  roles: ReadonlyMap<string, readonly string[]> = new Map(),
): ReadScopes {
  const known = new WeakMap<readonly string[], GrantedScopes>()
  return (scopes) => {
    const before = known.get(scopes)
    if (before !== undefined) return before
    const read = readScopes(
      scopes.flatMap((text) => roles.get(text) ?? text),
      rename,
    )
    // Only what cannot change may be remembered.
    if (Object.isFrozen(scopes)) known.set(scopes, read)
    return read
  }
}

function readScopes(scopes: readonly string[], rename: RenameScope): GrantedScopes {
  const found = scopes.slice(0, MAX_SCOPES).map((text) => tryParseScope(text, rename))
  const read = found.filter((scope) => scope !== undefined)
  const unbounded = read.filter(({ durationSeconds }) => durationSeconds === undefined)
  const durations = read.map(({ durationSeconds }) => durationSeconds).filter((seconds) => seconds !== undefined)
  const restrictions = scopes.filter(isRestriction).map(tryParseRestriction)
  return {
    covers: compileCover(read),
    coversUnbounded: compileCover(unbounded),
    shortestSeconds: durations.length === 0 ? undefined : Math.min(...durations),
    networks: restrictions.filter((network) => network !== undefined),
    isUnclear: restrictions.includes(undefined) || scopes.length > MAX_SCOPES,
  }
}

function compileCover(scopes: readonly Scope[]): (required: ComparedScope) => boolean {
  const patterns = scopes.map(({ segments }) => segments).filter((segments) => segments.includes('*'))
  const exact = new Set(scopes.map(({ segments }) => segments.join(':')))
  return ({ text, segments }) => exact.has(text) || patterns.some((pattern) => coversSegments(pattern, segments))
}

/** The only restriction there is: `restrict:ip:` with an address or a network. */
function tryParseRestriction(text: string): IpNetwork | undefined {
  return IP_RESTRICTION.test(text) ? tryParseNetwork(text.slice('restrict:ip:'.length)) : undefined
}
