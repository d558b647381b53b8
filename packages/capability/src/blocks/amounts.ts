import { Misconfigured } from '@countermark/core'
import { isCount, type Money } from '../constraints/amounts.ts'

/** What amounts are read with. */
export interface AmountReader {
  readonly currency: string | undefined
  /** What the block's other constraints say, to find out in which currency it counts. */
  readonly amounts: readonly unknown[]
}

const SYMBOLS: Readonly<Record<string, string>> = { $: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY' }
const AMOUNT = /^(?:([$€£¥])|([A-Z]{3}) )?([0-9]{1,12})(?:\.([0-9]{1,4}))?(?: ([A-Z]{3}))?$/
const LIMITS_MONEY = /^(?:max_(?:[a-z]+_)?amount(?:_per_(?:hour|day))?|require_approval_above)$/
const UNDER = /^[a-z]+(?:_[a-z]+)*_under_([0-9]{1,9})$/

/** A constraint as decisions are made by it: `$100` becomes 10000 cents. */
export function readLimit(name: string, limit: unknown, reader: AmountReader): unknown {
  if (!LIMITS_MONEY.test(name) || (typeof limit === 'object' && limit !== null)) return limit
  const money = typeof limit === 'string' ? findAmount(limit, reader) : undefined
  if (money !== undefined) return money
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be an amount with its currency, such as $100 or 100 EUR`)
}

/**
 * What the name of a constraint means. `always`: none. `refund_under_100`: less than a hundred, in whole units of the currency.
 * Anything else is a constraint that the application checks.
 */
export function readNamedLimit(name: string, reader: AmountReader): readonly (readonly [string, unknown])[] {
  if (name === 'always') return []
  const [, units] = UNDER.exec(name) ?? []
  if (units === undefined) return [[name, true]]
  const { value, currency } = toMinorUnits(units, '', currencyOf(name, reader))
  if (value === 0) throw new Misconfigured('ERR_OPTION_INVALID', `${name} allows nothing`)
  return [['max_amount', { value: value - 1, currency }]]
}

/** The reader's own currency, or the only one in which the block counts. */
function currencyOf(name: string, reader: AmountReader): string {
  if (reader.currency !== undefined) return reader.currency
  const stated = reader.amounts.map((text) =>
    typeof text === 'string' ? findAmount(text, reader)?.currency : undefined,
  )
  const [only, ...others] = new Set(stated.filter((currency) => currency !== undefined))
  if (only !== undefined && others.length === 0) return only
  const fix = "pass loadCapabilityBlock(text, { currency: 'USD' })"
  throw new Misconfigured('ERR_OPTION_INVALID', `the block does not say in which currency ${name} counts: ${fix}`)
}

function findAmount(text: string, { currency }: AmountReader): Money | undefined {
  const [, symbol, before, units, fraction = '', after] = AMOUNT.exec(text) ?? []
  const codes = [symbol === '$' ? (currency ?? 'USD') : SYMBOLS[symbol ?? ''], before, after].filter((code) => code)
  const [code] = codes
  if (units === undefined || code === undefined || codes.length !== 1) return undefined
  return toMinorUnits(units, fraction, code)
}

/** ISO 4217 says how many digits a currency has behind the point; Intl knows. */
function toMinorUnits(units: string, fraction: string, currency: string): Money {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
  if (fraction.length > maximumFractionDigits) {
    throw new Misconfigured('ERR_OPTION_INVALID', `${currency} has ${maximumFractionDigits} digits behind the point`)
  }
  const value = Number(units + fraction.padEnd(maximumFractionDigits, '0'))
  if (isCount(value)) return { value, currency }
  throw new Misconfigured('ERR_OPTION_INVALID', 'an amount is too large to be exact')
}
