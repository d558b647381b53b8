import { coversScope } from '@countermark/capability'
import { OAuthError } from '../oauth-error.ts'

/** What a token may be issued for. Each list bounds it; one that is not there does not. */
export interface ScopeBounds {
  /** What the agent may do at all. */
  readonly ceiling: readonly string[]
  /** What the subject's token grants. @default the agent acts for itself */
  readonly subject?: readonly string[]
  /** What each service that the token is for knows. @default it takes every scope */
  readonly services: readonly (readonly string[] | undefined)[]
}

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
const MAX_SCOPES = 128
const RESTRICTION = /^restrict(?::|$)/i
const ROLE = /^role:/

/**
 * Reads the parameter `scope` (RFC 6749 section 3.3).
 * @throws OAuthError `invalid_scope`
 */
export function parseScopes(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  const scopes = [...new Set(text.split(' ').filter((word) => word !== ''))]
  if (scopes.length > 0 && scopes.length <= MAX_SCOPES && scopes.every((word) => SCOPE.test(word))) return scopes
  throw new OAuthError('invalid_scope', `scope must be 1 to ${MAX_SCOPES} words of RFC 6749 section 3.3`)
}

/**
 * The scopes that a token gets: those that were asked for, all within every bound, or everything that lies within all of
 * them. Restrictions of the subject's token stay, whatever was asked for.
 * @throws OAuthError `invalid_scope`
 */
export function narrowScopes(requested: readonly string[] | undefined, bounds: ScopeBounds): readonly string[] {
  const lists = boundsOf(bounds)
  const restrictions = (bounds.subject ?? []).filter((scope) => RESTRICTION.test(scope))
  const scopes = requested ?? lists.reduce(meetAll)
  if (!scopes.every((scope) => lists.every((list) => list.some((granted) => coversScope(granted, scope))))) {
    throw new OAuthError('invalid_scope', 'scope asks for more than the agent, the subject and the service allow')
  }
  if (scopes.length === 0) throw new OAuthError('invalid_scope', 'agent, subject and service allow no scope together')
  return [...new Set([...scopes, ...restrictions])]
}

/** Restrictions grant nothing, and tokens have no roles. */
function boundsOf({ ceiling, subject, services }: ScopeBounds): readonly (readonly string[])[] {
  const lists = [ceiling, subject, ...services].filter((list) => list !== undefined)
  return lists.map((list) => list.filter((scope) => !RESTRICTION.test(scope) && !ROLE.test(scope)))
}

function meetAll(some: readonly string[], others: readonly string[]): readonly string[] {
  const met = some.flatMap((one) => others.map((other) => meet(one, other)))
  const scopes = [...new Set(met.filter((scope) => scope !== undefined))]
  return scopes.filter(
    (scope) => !scopes.some((wider) => wider !== scope && coversScope(wider, scope) && !coversScope(scope, wider)),
  )
}

/** The widest scope that both cover; `undefined` when there is none. */
function meet(one: string, other: string): string | undefined {
  if (coversScope(one, other)) return other
  if (coversScope(other, one)) return one
  const [some, others] = [one.split(':'), other.split(':')]
  const segments = some.map((segment, index) => (segment === '*' ? others[index] : segment))
  const met = segments.join(':')
  return some.length === others.length && coversScope(one, met) && coversScope(other, met) ? met : undefined
}

const DURATION = /:(0|[1-9][0-9]{0,5})([smhd])$/
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** The shortest duration among scopes, in seconds: it ends the whole token (docs/protocol/scopes.md). */
export function shortestDuration(scopes: readonly string[]): number {
  const seconds = scopes.map((scope) => {
    const [, count, unit = ''] = DURATION.exec(scope) ?? []
    return count === undefined ? Number.POSITIVE_INFINITY : Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN)
  })
  return Math.min(Number.POSITIVE_INFINITY, ...seconds)
}
