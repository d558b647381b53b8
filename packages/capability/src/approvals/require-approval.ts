import { type Check, defineCheck, Misconfigured } from '@countermark/core'
import { then } from '@countermark/core/internal'
import type { Argument } from '../arguments/argument-source.ts'
import type { CapabilityRules } from '../capability-rules.ts'
import { charge } from '../charge.ts'
import type { CallerFacts } from '../grants.ts'

const NEEDED = { budgets: [], needsApproval: true }
const NO_ARGUMENT = (): Argument => ({ state: 'undeclared' })

/**
 * Asks for a ticket with every request, whatever was granted: for requests of an agent whose behaviour is in doubt, as the option
 * `approval` of `assessRisk`. The ticket is that of `requireCapability`; one ticket serves both in one request.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING` for rules without `approvals`
 * @throws {@link Refusal} `approval_required`, `approval_pending`
 * @throws {@link Unavailable} `key_source_unavailable`, `replay_store_unavailable`
 * @example assessRisk({ approval: requireApproval(capabilityRules({ approvals })) })
 */
export function requireApproval(rules: CapabilityRules): Check<CallerFacts, object> {
  const { approvals } = rules
  const owner = {}
  if (approvals === undefined) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'requireApproval needs capabilityRules({ approvals: { … } })')
  }
  return defineCheck<CallerFacts, object>(
    {
      name: 'requireApproval',
      needs: ['agent'],
      adds: [],
      inspect: ({ clock }) => {
        if (clock !== undefined) approvals.store.useClock?.(clock)
      },
    },
    (request, caller, environment) =>
      then(charge(NEEDED, { caller, rules, request, environment, argument: NO_ARGUMENT, owner }), () => ({})),
  )
}
