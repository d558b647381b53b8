import type { CapabilityContext } from '@countermark/core/internal'
import type { FindArgument } from '../arguments/read-arguments.ts'
import type { RequiredScope } from '../scopes/required-scopes.ts'
import type { RenameScope } from '../scopes/scope-aliases.ts'

/** A constraint that the application checks, and for which scope. */
export interface HostConstraintCall {
  readonly name: string
  readonly limit: unknown
  readonly scope: string
}

/** What the application said of it. */
export interface HostAnswer extends HostConstraintCall {
  readonly holds: boolean
}

/** What a constraint is checked against. */
export interface ConstraintInput {
  readonly required: RequiredScope
  /** `undefined` where no request is known: constraints on it do not hold then. */
  readonly context: CapabilityContext | undefined
  readonly nowMs: number
  readonly argument: FindArgument
  readonly answers: readonly HostAnswer[]
}

/** Something to be counted, once all constraints hold. */
export interface BudgetCost {
  readonly windowSeconds: number
  readonly limit: number
  readonly cost: number
  /** `requests`, or the currency of an amount. */
  readonly unit: string
}

/**
 * `violated`: the request is outside, or lacks the value. `unknown`: the constraint itself is not understood. `undeclared`,
 * `not-used`: the route says nothing of such a value, or that it has none. `approval`: a human has to agree first.
 */
export type ConstraintResult =
  | 'met'
  | 'violated'
  | 'unknown'
  | 'undeclared'
  | 'not-used'
  | 'approval'
  | { readonly budget: BudgetCost }

/** Checks a request against one constraint. */
export type CheckConstraint = (input: ConstraintInput) => ConstraintResult

/** A time as a clock on the wall shows it somewhere. */
export interface LocalTime {
  /** 1 is Monday, 7 is Sunday (ISO 8601). */
  readonly weekday: number
  /** Minutes since midnight, 0 to 1439. */
  readonly minute: number
}

/** What the clocks of an IANA time zone show; `undefined` when there is no such zone. */
export type ZoneClock = (zone: string, nowMs: number) => LocalTime | undefined

/** What constraints are read with. */
export interface ParseTools {
  /** Gives a scope the name that routes use. */
  readonly rename: RenameScope
  /** Tells the hour and the day in a time zone. */
  readonly zoneClock: ZoneClock
}

/** Reads what a grant says of a constraint; `undefined` when it is not understood. Never throws at what a grant says. */
export type ParseConstraint = (limit: unknown, tools: ParseTools) => CheckConstraint | undefined
