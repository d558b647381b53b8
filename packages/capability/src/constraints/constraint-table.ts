import { amountAtMost, amountsAtMost, approvalAbove, isCount } from './amounts.ts'
import type { CheckConstraint, ParseConstraint, ParseTools } from './constraint.ts'
import { approvalFor, exactly, methodOneOf, noneOf, oneOf } from './lists.ts'
import { addressInside, addressOutside, atLocation, sameIdentifier } from './places.ts'
import { withinHours, withinWindow } from './times.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** The constraints that are understood, by name. Documented in docs/protocol/constraints.md; a new one is a new row. */
export const CONSTRAINTS: ReadonlyMap<string, ParseConstraint> = new Map<string, ParseConstraint>([
  ['max_amount', amountAtMost('amount')],
  ['max_refund_amount', amountAtMost('refund_amount', 'amount')],
  ['max_payment_amount', amountAtMost('payment_amount', 'amount')],
  ['max_transfer_amount', amountAtMost('transfer_amount', 'amount')],
  ['max_amount_per_hour', amountsAtMost(HOUR)],
  ['max_amount_per_day', amountsAtMost(DAY)],
  ['currency', exactly('currency')],
  ['max_requests_per_minute', requestsAtMost(MINUTE)],
  ['max_requests_per_hour', requestsAtMost(HOUR)],
  ['max_requests_per_day', requestsAtMost(DAY)],
  ['ip_ranges_allowed', addressInside],
  ['ip_ranges_blocked', addressOutside],
  ['time_window', withinWindow],
  ['operating_hours', withinHours],
  ['allowed_methods', methodOneOf],
  ['require_approval_for', approvalFor],
  ['require_approval_above', approvalAbove],
  ['max_depth', checkedWithLinks],
  ['identifier', sameIdentifier],
  ['locations', atLocation],
  ['datatypes', oneOf('datatype')],
  ['privileges', oneOf('privilege')],
])

const LIST = /^([a-z][a-z0-9_]{0,63})_(allowed|blocked)$/

/** How a constraint is read; `undefined` for an unknown one. `zones_allowed` is about the argument `zones`. */
export function findConstraint(name: string): ParseConstraint | undefined {
  const known = CONSTRAINTS.get(name)
  if (known !== undefined) return known
  const [, argument, rule] = LIST.exec(name) ?? []
  if (argument === undefined) return undefined
  return rule === 'allowed' ? oneOf(argument) : noneOf(argument)
}

function requestsAtMost(windowSeconds: number): ParseConstraint {
  return (limit) => {
    if (!isCount(limit)) return undefined
    return () => (limit === 0 ? 'violated' : { budget: { windowSeconds, limit, cost: 1, unit: 'requests' } })
  }
}

/** The check of tokens sees the links of a chain, and checks how many there may be. */
function checkedWithLinks(...[limit]: Parameters<ParseConstraint>): ReturnType<ParseConstraint> {
  return isCount(limit) ? () => 'met' : undefined
}

/** A constraint, read once. */
export interface Constraint {
  readonly name: string
  /** As the grant says it. */
  readonly limit: unknown
  /** `undefined` when the application checks it. */
  readonly check: CheckConstraint | undefined
}

/** What constraints are compiled with. */
export interface ConstraintCompiler extends ParseTools {
  /** Names of constraints that the application checks. */
  readonly hostNames: ReadonlySet<string>
}

const UNKNOWN: CheckConstraint = () => 'unknown'

/** Reads a constraint. An unknown or unreadable one is kept: it refuses. */
export function compileConstraint(name: string, limit: unknown, compiler: ConstraintCompiler): Constraint {
  if (compiler.hostNames.has(name)) return { name, limit, check: undefined }
  return { name, limit, check: findConstraint(name)?.(limit, compiler) ?? UNKNOWN }
}
