import type { Check, CheckDescription } from './check.ts'
import { Misconfigured } from './misconfigured.ts'

/** A check with the place it has in its guard. */
export interface OrderedCheck {
  readonly run: Check
  readonly name: string
  /** Facts that an earlier guard must have established. */
  readonly awaited: readonly string[]
}

/**
 * Puts checks in the order given and refuses orders that cannot work.
 * @throws {@link Misconfigured} `ERR_CHECK_ORDER`, and what the checks' own `inspect` throws
 */
export function orderChecks(checks: readonly Check[]): {
  readonly ordered: readonly OrderedCheck[]
  readonly descriptions: readonly CheckDescription[]
} {
  const descriptions = checks.map(describe)
  const added = new Set<string>()
  const ordered = descriptions.map((description, index) => {
    refuseLaterNeed(description, descriptions.slice(index + 1))
    const awaited = description.needs.filter((need) => !added.has(need))
    for (const fact of description.adds) added.add(fact)
    return { run: checks[index] as Check, name: description.name, awaited }
  })
  for (const description of descriptions) description.inspect?.({ checks: descriptions })
  return { ordered, descriptions }
}

function describe(check: Check): CheckDescription {
  if (typeof check !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'guard(…) takes checks, such as verifySignature({ keys })')
  }
  return check.description ?? { name: check.name === '' ? 'check' : check.name, needs: [], adds: [] }
}

function refuseLaterNeed(description: CheckDescription, later: readonly CheckDescription[]): void {
  for (const need of description.needs) {
    const giver = later.find((candidate) => candidate.adds.includes(need))
    if (giver === undefined) continue
    throw new Misconfigured('ERR_CHECK_ORDER', `${description.name} needs ${need}; put it behind ${giver.name}`)
  }
}
