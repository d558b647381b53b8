import { createHash } from 'node:crypto'
import { type Check, type CheckDescription, runOf } from '../check.ts'
import type { Clock } from '../environment.ts'
import { canonicalJson } from '../internal/canonical-json.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { GuardSettings } from './options.ts'
import { isPartial, wholeMode } from './rollout.ts'
import type { RouteSettings } from './route-options.ts'

/** A check with the place it has in its guard. */
export interface OrderedCheck {
  readonly run: Check
  readonly name: string
  /** Facts that an earlier guard must have established. */
  readonly awaited: readonly string[]
  /** Facts that must exist once it ran. */
  readonly adds: readonly string[]
}

/** Checks in an order that can work. */
export interface OrderedChecks {
  readonly ordered: readonly OrderedCheck[]
  readonly descriptions: readonly CheckDescription[]
}

/**
 * Puts checks in the order given and refuses orders that cannot work.
 * @throws {@link Misconfigured} `ERR_CHECK_ORDER`, and what the checks' own `inspect` throws
 */
export function orderChecks(checks: readonly Check[], clock: Clock): OrderedChecks {
  const descriptions = checks.map(describe)
  const added = new Set<string>()
  const ordered = descriptions.map((description, index) => {
    const { name, needs, adds } = description
    const awaited = needs.filter((need) => !added.has(need))
    refuseLaterNeed(name, awaited, descriptions.slice(index + 1))
    for (const fact of adds) added.add(fact)
    return { run: runOf(checks[index] as Check), name, awaited, adds }
  })
  for (const description of descriptions) description.inspect?.({ checks: descriptions, clock })
  return { ordered, descriptions }
}

function describe(check: Check): CheckDescription {
  if (typeof check !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'guard(…) takes checks, such as verifySignature({ keys })')
  }
  return check.description ?? { name: check.name === '' ? 'check' : check.name, needs: [], adds: [] }
}

function refuseLaterNeed(name: string, awaited: readonly string[], later: readonly CheckDescription[]): void {
  for (const need of awaited) {
    const giver = later.find(({ adds }) => adds.includes(need))
    if (giver === undefined) continue
    throw new Misconfigured('ERR_CHECK_ORDER', `${name} needs ${need}; put it behind ${giver.name}`)
  }
}

/**
 * Names a configuration without telling it: the SHA-256, base64url, of the canonical JSON (RFC 8785) of the options of the
 * factory and the route, and of the checks' own settings in their order. Computed once for each guard.
 * @throws TypeError when the settings of a check are no JSON
 */
export function hashConfiguration(
  settings: GuardSettings,
  route: RouteSettings,
  checks: readonly CheckDescription[],
): string {
  const { optional, rollout, minimumLevel = null } = route
  const share = isPartial(rollout) ? { enforce: { ...rollout } } : {}
  const text = canonicalJson({
    guard: settings.description,
    route: { optional, mode: wholeMode(rollout), minimumLevel, ...share },
    checks: checks.map(({ name, settings: described = {} }) => ({ name, settings: described })),
  })
  return createHash('sha256').update(text).digest('base64url')
}
