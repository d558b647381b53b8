import type { Check, CheckDescription } from './check.ts'
import type { Clock } from './clock.ts'
import { Misconfigured } from './misconfigured.ts'

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
    return { run: checks[index] as Check, name, awaited, adds }
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
