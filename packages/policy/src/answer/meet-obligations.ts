import { type AgentRequest, type Check, type Environment, Refusal } from '@countermark/core'
import { isSafeMethod, then } from '@countermark/core/internal'
import type { PolicyObligation } from '../engines/engine.ts'
import type { JsonRecord, PolicyCaller } from '../input/policy-input.ts'
import { METRICS } from '../metric-rows.ts'

/** What obligations are held against. */
export interface Obliged {
  readonly request: AgentRequest
  readonly caller: PolicyCaller
  readonly environment: Environment
  readonly values: JsonRecord | undefined
  readonly approval: Check | undefined
}

/**
 * Does what a policy asks for besides its yes. Approvals come last: a ticket is used up.
 * @throws {@link Refusal} `approval_required`, `constraint_violation`, `rate_limited`
 */
export function meetObligations(obligations: readonly PolicyObligation[], obliged: Obliged): void | Promise<void> {
  for (const obligation of obligations) {
    const refusal = refusalOf(obligation, obliged)
    if (refusal !== undefined) throw told(obligation, obliged, refusal)
    if (obligation.type !== 'approval') tell(obligation, obliged, 'met')
  }
  const approval = obligations.find(({ type }) => type === 'approval')
  if (approval === undefined) return
  return then(approve(obliged), () => tell(approval, obliged, 'met'))
}

function refusalOf(obligation: PolicyObligation, { request, values }: Obliged): Refusal | undefined {
  if (obligation.type === 'approval') return undefined
  if (obligation.type === 'read_only') {
    if (isSafeMethod(request.method)) return undefined
    return new Refusal('constraint_violation', 'the policy of this service lets this caller only read')
  }
  if ('retry_after_seconds' in obligation) {
    const retryAfterSeconds = Math.max(1, Math.ceil(obligation.retry_after_seconds))
    return new Refusal('rate_limited', 'the policy of this service asks to wait', { retryAfterSeconds })
  }
  const value =
    values !== undefined && Object.hasOwn(values, obligation.argument) ? values[obligation.argument] : undefined
  // Also refuses what is no number, and what the route does not tell.
  if (typeof value === 'number' && value <= obligation.max) return undefined
  return new Refusal('constraint_violation', 'an argument is beyond what the policy of this service allows')
}

function approve(obliged: Obliged): void | Promise<void> {
  const { request, caller, environment, approval } = obliged
  if (caller.capability?.approval !== undefined) return
  if (approval !== undefined) {
    return then(approval(request, caller, environment), () => undefined)
  }
  const refusal = new Refusal('approval_required', 'a human has to approve exactly this request first')
  throw told({ type: 'approval' }, obliged, refusal)
}

function told(obligation: PolicyObligation, obliged: Obliged, refusal: Refusal): Refusal {
  tell(obligation, obliged, 'refused')
  return refusal
}

function tell({ type }: PolicyObligation, { environment }: Obliged, result: 'met' | 'refused'): void {
  environment.report(METRICS.measure('policy_obligations_total', 1, { obligation: type, result }))
}
