import { overlapsSegments, tryParseScope } from '../scopes/scope.ts'
import type { CheckConstraint, ParseConstraint } from './constraint.ts'

const MAX_ENTRIES = 256

/** The texts of a list, of which there is one at least; `undefined` when it is none. */
export function tryParseTexts(limit: unknown): readonly string[] | undefined {
  if (!Array.isArray(limit) || limit.length === 0 || limit.length > MAX_ENTRIES) return undefined
  return limit.every((entry) => typeof entry === 'string') ? limit : undefined
}

/** The request's value, or each of its values, is one of the list. */
export function oneOf(name: string): ParseConstraint {
  return (limit) => compareValues(limit, name, (list, value) => list.includes(value))
}

/** The request's value, or each of its values, is none of the list. */
export function noneOf(name: string): ParseConstraint {
  return (limit) => compareValues(limit, name, (list, value) => !list.includes(value))
}

/** The same as {@link oneOf}, where the limit may be a single text. */
export function exactly(name: string): ParseConstraint {
  const read = oneOf(name)
  return (limit, tools) => read(typeof limit === 'string' ? [limit] : limit, tools)
}

/** The method is one of the list; methods are case-sensitive (RFC 9110 section 9.1). */
export const methodOneOf: ParseConstraint = (limit) => {
  const methods = tryParseTexts(limit)
  return methods && (({ context }) => (methods.includes(context?.method ?? '') ? 'met' : 'violated'))
}

function compareValues(
  limit: unknown,
  name: string,
  holds: (list: readonly string[], value: string) => boolean,
): CheckConstraint | undefined {
  const list = tryParseTexts(limit)
  if (list === undefined) return undefined
  return ({ argument }) => {
    const found = argument(name)
    if (found.state === 'undeclared' || found.state === 'not-used') return found.state
    if (found.state !== 'present') return 'violated'
    const values = typeof found.value === 'string' ? [found.value] : tryParseTexts(found.value)
    return values?.every((value) => holds(list, value)) === true ? 'met' : 'violated'
  }
}

/**
 * A human has to agree to what is listed: scopes such as `refunds:*`, words that the route gives as `operation`, or `*` for
 * everything.
 */
export const approvalFor: ParseConstraint = (limit, { rename }) => {
  const words = tryParseTexts(typeof limit === 'string' ? [limit] : limit)
  if (words === undefined) return undefined
  const scopes = words.map((word) => tryParseScope(word, rename)?.segments).filter((segments) => segments !== undefined)
  return ({ required, argument }) => {
    const operation = argument('operation')
    if (operation.state === 'absent') return 'violated'
    const isNamed = operation.state === 'present' && words.some((word) => word === operation.value)
    const isListed = scopes.some((segments) => overlapsSegments(segments, required.segments))
    return isNamed || isListed || words.includes('*') ? 'approval' : 'met'
  }
}
