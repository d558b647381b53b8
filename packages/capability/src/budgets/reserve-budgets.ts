import { type CapabilityFact, type Environment, Refusal, Unavailable } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import type { BudgetClaim, BudgetStore, Reservation } from './budget-store.ts'

type Release = NonNullable<CapabilityFact['release']>

/**
 * Takes what a request costs from all of its budgets, or from none; `undefined` when it costs nothing.
 * @throws {@link Refusal} `rate_limited`, `config_error` when nothing here counts
 * @throws {@link Unavailable} `budget_store_unavailable`
 */
export function reserveBudgets(
  claims: readonly BudgetClaim[],
  agentId: string,
  store: BudgetStore | undefined,
  environment: Environment,
): Release | undefined | Promise<Release> {
  if (claims.length === 0) return undefined
  if (store === undefined) {
    throw new Refusal('config_error', 'a grant has a budget: pass capabilityRules({ budgets: memoryBudgets() })')
  }
  const settle = (reservation: Reservation): Release => {
    const labels = { store: store.name, result: reservation.outcome }
    environment.report({ name: 'budget_reservations_total', kind: 'counter', value: 1, labels })
    if (reservation.outcome === 'reserved') return reservation.release
    if (reservation.outcome === 'full') {
      throw new Unavailable('budget_store_unavailable', 'budgets', 'the budget store has no room')
    }
    const { retryAfterSeconds } = reservation
    throw new Refusal('rate_limited', 'a budget of what was granted is used up', { retryAfterSeconds })
  }
  const reservation = store.reserve(mergeClaims(claims, agentId), environment)
  return isThenable(reservation) ? reservation.then(settle) : settle(reservation)
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
