import type { FindArgument } from '../arguments/read-arguments.ts'
import type { CheckConstraint, ConstraintInput, ConstraintResult, ParseConstraint } from './constraint.ts'

/** An amount: whole minor units of a currency. */
export interface Money {
  readonly value: number
  readonly currency: string
}

const CURRENCY = /^[A-Z][A-Z0-9]{2,11}$/
const WHOLE_NUMBER = /^(?:0|[1-9][0-9]{0,15})$/

/** The amount that a limit states; `undefined` when it is not exactly `{ value, currency }`. */
export function tryParseMoney(limit: unknown): Money | undefined {
  if (typeof limit !== 'object' || limit === null || Object.keys(limit).sort().join() !== 'currency,value')
    return undefined
  const { value, currency } = limit as Readonly<Record<string, unknown>>
  if (typeof currency !== 'string' || !CURRENCY.test(currency) || !isCount(value)) return undefined
  return { value, currency }
}

/** Whether something is a whole number, not negative, that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The request's amount is at most the limit, in the limit's currency. */
export function amountAtMost(...names: readonly string[]): ParseConstraint {
  return (limit) => compareAmount(limit, names, (amount, most) => (amount <= most ? 'met' : 'violated'))
}

/** Above the limit a human has to agree. */
export const approvalAbove: ParseConstraint = (limit) =>
  compareAmount(limit, ['amount'], (amount, most) => (amount <= most ? 'met' : 'approval'))

/** All amounts of a time together are at most the limit. */
export function amountsAtMost(windowSeconds: number): ParseConstraint {
  return (limit) =>
    compareAmount(limit, ['amount'], (cost, most, unit) =>
      cost <= most ? { budget: { windowSeconds, limit: most, cost, unit } } : 'violated',
    )
}

type Compare = (amount: number, most: number, currency: string) => ConstraintResult

function compareAmount(limit: unknown, names: readonly string[], compare: Compare): CheckConstraint | undefined {
  const most = tryParseMoney(limit)
  if (most === undefined) return undefined
  return (input) => {
    const amount = findAmount(input, names)
    if (typeof amount === 'string') return amount
    const currency = input.argument('currency')
    if (currency.state !== 'present' || currency.value !== most.currency) return 'violated'
    return compare(amount, most.value, most.currency)
  }
}

/** The amount of a request, where its route declares `amount` and `currency` and the request has both. */
export function findMoney(argument: FindArgument): Money | undefined {
  const [value, currency] = [findAmount({ argument }, ['amount']), argument('currency')]
  if (typeof value === 'string' || currency.state !== 'present' || typeof currency.value !== 'string') return undefined
  return { value, currency: currency.value }
}

/** The first of the names that the route declares. Numbers are numbers in JSON; digits where only text can be. */
function findAmount(
  { argument }: Pick<ConstraintInput, 'argument'>,
  names: readonly string[],
): number | 'violated' | 'undeclared' | 'not-used' {
  for (const name of names) {
    const found = argument(name)
    if (found.state === 'undeclared') continue
    if (found.state === 'not-used') return 'not-used'
    if (found.state !== 'present') return 'violated'
    const { value, isText } = found
    const amount = isText && typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : value
    return isCount(amount) ? amount : 'violated'
  }
  return 'undeclared'
}
