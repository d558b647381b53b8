import { type AgentRequest, type CapabilityFact, type Environment, Refusal, Unavailable } from '@countermark/core'
import { isThenable, then } from '@countermark/core/internal'
import { type ValidTicket, verifyTicket } from './approvals/verify-ticket.ts'
import type { BudgetClaim } from './budgets/budget-store.ts'
import type { CapabilityRules } from './capability-rules.ts'
import type { Outcome } from './constraints/check-groups.ts'
import type { CallerFacts } from './grants.ts'
import { METRICS } from './metric-rows.ts'

/** For which request a decision is paid. */
export interface Charged {
  readonly caller: CallerFacts
  readonly rules: CapabilityRules
  readonly request: AgentRequest
  readonly environment: Environment
}

/** What was taken: the ticket that was claimed, and how budgets are given back. */
export type Receipt = Pick<CapabilityFact, 'approval' | 'release'>

type Release = NonNullable<CapabilityFact['release']>

/** For what costs nothing. */
export const NOTHING_TAKEN: Receipt = { approval: undefined, release: undefined }

/**
 * Takes what constraints ask for, in an order in which nothing is taken in vain: the ticket is verified, budgets are
 * counted, the ticket is claimed, and if that fails the budgets are given back.
 * @throws {@link Refusal} `approval_required`, `rate_limited`, `config_error` when nothing here counts
 * @throws {@link Unavailable} `budget_store_unavailable`, `key_source_unavailable`, `replay_store_unavailable`
 */
export function charge({ budgets, needsApproval }: Outcome, charged: Charged): Receipt | Promise<Receipt> {
  // One ticket is for the whole request, however many checks need it.
  const needsTicket = needsApproval && charged.caller.capability?.approval === undefined
  if (budgets.length === 0 && !needsTicket) return NOTHING_TAKEN
  return then(needsTicket ? requireTicket(charged) : undefined, (ticket) => {
    const release = budgets.length === 0 ? undefined : reserve(mergeClaims(budgets, charged.caller.agent.id), charged)
    return then(release, (given) =>
      charged.rules.isRehearsal ? giveBackAll(ticket, given) : claimTicket(ticket, given),
    )
  })
}

function requireTicket({ caller, rules, request, environment }: Charged): ValidTicket | Promise<ValidTicket> {
  if (rules.approvals !== undefined) return verifyTicket(request, caller, rules.approvals, environment)
  throw new Refusal('approval_required', 'a human has to approve this, and this service takes no approvals')
}

/** Takes from all budgets or from none. */
function reserve(claims: readonly BudgetClaim[], { rules, environment }: Charged): Release | Promise<Release> {
  const { budgets: store } = rules
  if (store === undefined) {
    throw new Refusal('config_error', 'a grant has a budget: pass capabilityRules({ budgets: memoryBudgets() })')
  }
  return then(store.reserve(claims, environment), (reservation) => {
    environment.report(
      METRICS.measure('budget_reservations_total', 1, { store: store.name, result: reservation.outcome }),
    )
    if (reservation.outcome === 'reserved') return reservation.release
    if (reservation.outcome === 'full') {
      throw new Unavailable('budget_store_unavailable', 'budgets', 'the budget store has no room')
    }
    const { retryAfterSeconds } = reservation
    throw new Refusal('rate_limited', 'a budget of what was granted is used up', { retryAfterSeconds })
  })
}

/** Links of a chain may repeat a budget: it is counted once, by the lower limit. */
function mergeClaims(claims: readonly BudgetClaim[], agentId: string): readonly BudgetClaim[] {
  const byKey = new Map<string, BudgetClaim>()
  for (const claim of claims) {
    const known = byKey.get(claim.key)
    const limit = Math.min(claim.limit, known?.limit ?? claim.limit)
    byKey.set(claim.key, { ...claim, agentId, limit, cost: Math.max(claim.cost, known?.cost ?? 0) })
  }
  return [...byKey.values()]
}

/** For a question: what it would have cost is known, and nothing is gone. */
function giveBackAll(ticket: ValidTicket | undefined, release: Release | undefined): Receipt | Promise<Receipt> {
  return then(release?.(), () => ({ approval: ticket?.approval, release: undefined }))
}

function claimTicket(ticket: ValidTicket | undefined, release: Release | undefined): Receipt | Promise<Receipt> {
  const receipt = { approval: ticket?.approval, release }
  const giveBack = (error: unknown): Promise<never> => Promise.resolve(release?.()).then(() => Promise.reject(error))
  try {
    const claimed = ticket?.claim()
    return isThenable(claimed) ? claimed.then(() => receipt, giveBack) : receipt
  } catch (error) {
    return giveBack(error)
  }
}
