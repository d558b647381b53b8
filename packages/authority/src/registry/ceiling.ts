import { coversScope } from '@countermark/capability'
import { Refusal } from '@countermark/core'

const DURATION = /:(?:0|[1-9][0-9]{0,5})[smhd]$/

/** Whether a text may stand in a ceiling: a scope without a duration, which would bound tokens and not agents. */
export function isCeilingScope(text: string): boolean {
  return coversScope(text, text) && !DURATION.test(text)
}

/** What of `wanted` each of the ceilings covers. Without a ceiling nothing is covered. */
export function withinCeilings(wanted: readonly string[], ceilings: readonly (readonly string[])[]): readonly string[] {
  if (ceilings.length === 0) return []
  return wanted.filter((scope) =>
    ceilings.every((ceiling) => ceiling.some((granted) => isCeilingScope(granted) && coversScope(granted, scope))),
  )
}

/**
 * Refuses what a ceiling does not cover.
 * @throws Refusal `ceiling_exceeded`
 */
export function requireWithin(wanted: readonly string[], ceilings: readonly (readonly string[])[]): void {
  const covered = new Set(withinCeilings(wanted, ceilings))
  const beyond = wanted.filter((scope) => !covered.has(scope))
  if (beyond.length === 0) return
  throw new Refusal('ceiling_exceeded', 'no owner may give more than their own ceiling', {
    members: { scopes: beyond },
  })
}

/** A list of scopes as it lies in the database. */
export function parseScopes(text: string): readonly string[] {
  const value: unknown = JSON.parse(text)
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
