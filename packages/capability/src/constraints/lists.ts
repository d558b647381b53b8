import type { Judge, ReadLimit } from './constraint-check.ts'

const MAX_ENTRIES = 256

/** The texts of a list, of which there is one at least; `undefined` when it is none. */
export function findTexts(limit: unknown): readonly string[] | undefined {
  if (!Array.isArray(limit) || limit.length === 0 || limit.length > MAX_ENTRIES) return undefined
  return limit.every((entry) => typeof entry === 'string') ? limit : undefined
}

/** The request's value, or each of its values, is one of the list. */
export function oneOf(name: string): ReadLimit {
  return (limit) => compareValues(limit, name, (list, value) => list.includes(value))
}

/** The request's value, or each of its values, is none of the list. */
export function noneOf(name: string): ReadLimit {
  return (limit) => compareValues(limit, name, (list, value) => !list.includes(value))
}

/** The same as {@link oneOf}, where the limit may be a single text. */
export function exactly(name: string): ReadLimit {
  const read = oneOf(name)
  return (limit, tools) => read(typeof limit === 'string' ? [limit] : limit, tools)
}

/** The method is one of the list; methods are case-sensitive (RFC 9110 section 9.1). */
export const methodOneOf: ReadLimit = (limit) => {
  const methods = findTexts(limit)
  return methods && (({ context }) => (methods.includes(context?.method ?? '') ? 'met' : 'violated'))
}

function compareValues(
  limit: unknown,
  name: string,
  holds: (list: readonly string[], value: string) => boolean,
): Judge | undefined {
  const list = findTexts(limit)
  if (list === undefined) return undefined
  return ({ argument }) => {
    const found = argument(name)
    if (found.state === 'undeclared' || found.state === 'not-used') return found.state
    if (found.state !== 'present') return 'violated'
    const values = typeof found.value === 'string' ? [found.value] : findTexts(found.value)
    return values?.every((value) => holds(list, value)) === true ? 'met' : 'violated'
  }
}
