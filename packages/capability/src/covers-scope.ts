import { findScope } from './scope.ts'

/**
 * Whether what is granted covers what is wanted: as many segments, and each the same or granted as `*`. A wanted `*` is
 * covered by a granted `*` only. Durations are no part of it; a restriction covers nothing.
 */
export function coversScope(granted: string, wanted: string): boolean {
  const having = findScope(granted)
  const wanting = findScope(wanted)
  return having !== undefined && wanting !== undefined && coversSegments(having.segments, wanting.segments)
}

/** The same for segments. */
export function coversSegments(granted: readonly string[], wanted: readonly string[]): boolean {
  if (granted.length !== wanted.length) return false
  return granted.every((segment, index) => segment === '*' || segment === wanted[index])
}

/** Whether there is a scope that both cover. */
export function overlapsSegments(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  return a.every((segment, index) => segment === '*' || b[index] === '*' || segment === b[index])
}
