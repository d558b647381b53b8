import { type AgentRequest, type CapabilityFact, type Environment, Refusal, Unavailable } from '@countermark/core'
import { isThenable, then } from '@countermark/core/internal'
import { fileUnapproved } from './approvals/refuse-unapproved.ts'
import { type ValidTicket, verifyTicket } from './approvals/verify-ticket.ts'
import type { FindArgument } from './arguments/read-arguments.ts'
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
  /** Values that the route declares. */
  readonly argument: FindArgument
  /** Marks refusals as those of one check. */
  readonly owner: object
}

/** What was taken: the ticket that was claimed, and how budgets are given back. */
export type Receipt = Pick<CapabilityFact, 'approval' | 'release'>

type Release = NonNullable<CapabilityFact['release']>

/** For what costs nothing. */
export const NOTHING_TAKEN: Receipt = { approval: undefined, release: undefined }

/**
 * Takes what constraints ask for, in an order in which nothing is taken in vain: the ticket is verified, its amount and budgets
 * are counted, the ticket is claimed, and if that fails the others are given back.
 * @throws {@link Refusal} `approval_required`, `approval_pending`, `rate_limited`, `config_error` when nothing here counts
 * @throws {@link Unavailable} `budget_store_unavailable`, `key_source_unavailable`, `replay_store_unavailable`
 */
export function charge(
  { budgets, needsApproval }: Pick<Outcome, 'budgets' | 'needsApproval'>,
  charged: Charged,
): Receipt | Promise<Receipt> {
  const { caller, rules } = charged
  // One ticket is for the whole request, however many checks need it.
  const before = needsApproval ? (caller.capability?.approval ?? rules.approved.get(charged.request.raw)) : undefined
  if (!needsApproval || before !== undefined) {
    const taken = budgets.length === 0 ? NOTHING_TAKEN : take(budgets, undefined, charged)
    return before === undefined ? taken : then(taken, ({ release }) => ({ approval: before, release }))
  }
  const { approvals } = rules
  if (approvals === undefined) {
    throw new Refusal('approval_required', 'a human has to approve this, and this service takes no approvals')
  }
  const unapproved = { ...charged, rules: approvals }
  const work = (): Receipt | Promise<Receipt> =>
    then(verifyTicket(unapproved), (ticket) => take(budgets, ticket, charged))
  return approvals.unapproved === 'filed' && !rules.isRehearsal ? fileUnapproved(work, unapproved) : work()
}

function take(
  budgets: readonly BudgetClaim[],
  ticket: ValidTicket | undefined,
  charged: Charged,
): Receipt | Promise<Receipt> {
  return then(takeAllowance(ticket, charged), (first) =>
    orGiveBack(first, () =>
      then(takeBudgets(budgets, charged), (second) => {
        const release = bothReleases(first, second)
        if (charged.rules.isRehearsal) return giveBackAll(ticket, release)
        return orGiveBack(second, () =>
          then(ticket?.claim(), () => {
            if (ticket !== undefined) charged.rules.approved.set(charged.request.raw, ticket.approval)
            return { approval: ticket?.approval, release }
          }),
        )
      }),
    ),
  )
}

/** What a standing approval has left. A service that counts nothing takes none. */
function takeAllowance(
  ticket: ValidTicket | undefined,
  charged: Charged,
): Release | undefined | Promise<Release | undefined> {
  if (ticket?.allowance === undefined) return undefined
  if (charged.rules.budgets === undefined) throw ticket.refuse('this service counts no amounts: pass budgets')
  return reserve([ticket.allowance], charged, () => ticket.refuse('nothing of its amount is left'))
}

function takeBudgets(
  budgets: readonly BudgetClaim[],
  charged: Charged,
): Release | undefined | Promise<Release | undefined> {
  if (budgets.length === 0) return undefined
  return reserve(mergeClaims(budgets, charged.caller.agent.id), charged, (retryAfterSeconds) => {
    return new Refusal('rate_limited', 'a budget of what was granted is used up', { retryAfterSeconds })
  })
}

/** Takes from all budgets or from none. */
function reserve(
  claims: readonly BudgetClaim[],
  { rules, environment }: Charged,
  exceeded: (retryAfterSeconds: number) => Refusal,
): Release | Promise<Release> {
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
    throw exceeded(reservation.retryAfterSeconds)
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

/** Does the next step; when it fails, what was taken before is given back. */
function orGiveBack<Result>(
  release: Release | undefined,
  step: () => Result | Promise<Result>,
): Result | Promise<Result> {
  const giveBack = (error: unknown): Promise<never> => Promise.resolve(release?.()).then(() => Promise.reject(error))
  try {
    const result = step()
    return isThenable(result) ? result.then((value) => value, giveBack) : result
  } catch (error) {
    return giveBack(error)
  }
}

/** Gives both back. */
export function bothReleases(first: Release | undefined, second: Release | undefined): Release | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return async () => {
    await first()
    await second()
  }
}
