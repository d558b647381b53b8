import { Misconfigured } from '@countermark/core'
import { requireStrings } from '@countermark/core/internal'

/** Scopes that a service may talk us into asking for: these, or those for which a function answers `true`. */
export type MayAskFor = readonly string[] | ((scope: string, origin: string) => boolean)

/** Scopes that services asked for besides, by origin. */
export interface StepUps {
  /** What this service asked for before, and got. */
  readonly of: (origin: string) => readonly string[]
  /** The same with these; `undefined` when they are more than we may ask for. What the token has already needs no leave. */
  readonly with: (origin: string, scopes: readonly string[], held: readonly string[]) => readonly string[] | undefined
  readonly remember: (origin: string, scopes: readonly string[]) => void
}

/** A function may allow any number of scopes, each of them new. */
const MAX_SCOPES = 64

/**
 * Remembers what services asked for, within what they may ask for.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function createStepUps(mayAskFor: MayAskFor): StepUps {
  const isAllowed = typeof mayAskFor === 'function' ? mayAskFor : isListed(mayAskFor)
  const remembered = new Map<string, readonly string[]>()
  const of: StepUps['of'] = (origin) => remembered.get(origin) ?? []
  return {
    of,
    with: (origin, scopes, held) => {
      const more = scopes.filter((scope) => !held.includes(scope))
      const together = [...new Set([...of(origin), ...more])]
      return together.length <= MAX_SCOPES && more.every((scope) => isAllowed(scope, origin)) ? together : undefined
    },
    remember: (origin, scopes) => void remembered.set(origin, scopes),
  }
}

function isListed(scopes: readonly string[]): (scope: string) => boolean {
  const listed = new Set(requireStrings('mayAskFor', scopes))
  if (listed.has('')) throw new Misconfigured('ERR_OPTION_INVALID', 'each of mayAskFor must be a scope')
  return (scope) => listed.has(scope)
}
