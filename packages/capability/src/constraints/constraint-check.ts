import type { CapabilityContext } from '@countermark/core/internal'
import type { FindArgument } from '../arguments/read-arguments.ts'
import type { RenameScope } from '../scope-aliases.ts'
import type { WantedScope } from '../scope-template.ts'
import type { ZoneClock } from './zone-clock.ts'

/** What a limit is held against. */
export interface Facing {
  readonly wanted: WantedScope
  /** `undefined` where no request is known: limits on it do not hold then. */
  readonly context: CapabilityContext | undefined
  readonly nowMs: number
  readonly argument: FindArgument
}

/** Something to be counted, once all limits hold. */
export interface BudgetDuty {
  readonly windowSeconds: number
  readonly limit: number
  readonly cost: number
  /** `requests`, or the currency of an amount. */
  readonly unit: string
}

/**
 * `violated`: the request is outside, or lacks the value. `unknown`: the limit itself is not understood. `undeclared`,
 * `not-used`: the route says nothing of such a value, or that it has none. `approval`: a human has to agree first.
 */
export type Finding =
  | 'met'
  | 'violated'
  | 'unknown'
  | 'undeclared'
  | 'not-used'
  | 'approval'
  | { readonly budget: BudgetDuty }

/** Holds a request against one limit. */
export type Judge = (facing: Facing) => Finding

/** What limits are read with. */
export interface LimitTools {
  readonly rename: RenameScope
  readonly zoneClock: ZoneClock
}

/** Reads what a grant says of a limit; `undefined` when it is not understood. Never throws at what a grant says. */
export type ReadLimit = (limit: unknown, tools: LimitTools) => Judge | undefined
