import type { JsonObject } from '@countermark/core/internal'

/** A member that the document itself holds, never one of a prototype; `null` counts as absent. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined
}

/** Seconds count up to the year 5138, milliseconds from the year 1973: none can be taken for the other. */
const FIRST_MILLISECONDS = 1e11
const LAST_MILLISECONDS = 1e14

/** Whether a value is absent or a point in time, Unix seconds. */
export function isOptionalTime(value: unknown): value is number | undefined {
  return value === undefined || (isWhole(value) && value < FIRST_MILLISECONDS)
}

/**
 * A point in time out of a document that others wrote, in Unix seconds. Milliseconds, which many write, are read as such:
 * taken for seconds, an end would never come. `undefined` when absent, `'malformed'` when it is neither.
 */
export function readTime(value: unknown): number | undefined | 'malformed' {
  if (isOptionalTime(value)) return value
  return isWhole(value) && value < LAST_MILLISECONDS ? Math.floor(value / 1000) : 'malformed'
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Whether a value is absent or a short text. */
export function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= 256)
}
