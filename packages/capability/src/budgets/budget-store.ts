import type { Environment, MetricRow } from '@countermark/core'

/** So much of a budget. */
export interface BudgetClaim {
  /** Names the counter: the same for all who share the budget. */
  readonly key: string
  /** Length of the window that slides. Seconds. */
  readonly windowSeconds: number
  /** The most in any stretch of `windowSeconds`. */
  readonly limit: number
  /** How much of it this request takes, in `unit`. */
  readonly cost: number
  /** `requests`, or the currency of an amount. */
  readonly unit: string
  /** Who uses it: a store may bound how many counters one agent makes. @default no agent in particular */
  readonly agentId?: string
}

/** `reserved`: all claims fit and are counted. `exceeded`: none is counted. `full`: there is no room for another counter. */
export type Reservation =
  | {
      readonly outcome: 'reserved'
      /** Gives everything back, once. */
      readonly release: () => void | Promise<void>
    }
  | { readonly outcome: 'exceeded'; readonly retryAfterSeconds: number }
  | { readonly outcome: 'full' }

/** Counts what is used up. All claims of a request, each with a key of its own, in one atomic step. */
export interface BudgetStore {
  /** A closed word for metrics, such as `memory` or `redis`. */
  readonly name: string
  /** What it reports. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** @throws Unavailable `budget_store_unavailable` */
  readonly reserve: (claims: readonly BudgetClaim[], environment: Environment) => Reservation | Promise<Reservation>
}

/** A window in this many slices: what was taken is given free up to a sixtieth late, and never early. */
export const SLICES = 60

/** Gives back once, however often it is asked to. */
export function releaseOnce(giveBack: () => void | Promise<void>): () => void | Promise<void> {
  let isReserved = true
  return () => {
    if (!isReserved) return undefined
    isReserved = false
    return giveBack()
  }
}
