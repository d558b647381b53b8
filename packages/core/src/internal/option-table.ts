import type { JsonValue } from './canonical-json.ts'

/**
 * Picks from options what {@link CheckDescription.settings} may tell: the members named, which must be no secrets. What is a
 * function or an object with methods stands as the word that it calls itself, what was left out does not stand at all.
 */
export function stateSettings<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
): Readonly<Record<string, JsonValue>> {
  const chosen = names.filter((name) => options[name] !== undefined)
  return Object.fromEntries(chosen.map((name) => [name, toJson(options[name], MAX_DEPTH)]))
}

const MAX_DEPTH = 6

function toJson(value: unknown, depth: number): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (Array.isArray(value) && depth > 0) return value.map((item) => toJson(item, depth - 1))
  if (typeof value !== 'object' || depth === 0) return `(${typeof value})`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.some(([, member]) => typeof member === 'function')) return nameOf(value)
  return Object.fromEntries(members.map(([name, member]) => [name, toJson(member, depth - 1)]))
}

function nameOf(value: object): string {
  return 'name' in value && typeof value.name === 'string' ? value.name : '(object)'
}
