import { Misconfigured } from '@countermark/core'
import { custom, isAgentId, loadOptionalPeer, optionTable, text } from '@countermark/core/internal'
import { isCount, type Money } from '../constraints/amounts.ts'
import { isRestriction, isSegmentName, tryParseScope } from '../scopes/scope.ts'

/** A capability of a block: a scope and its constraints. */
export interface BlockCapability {
  readonly scope: string
  readonly constraints: Readonly<Record<string, unknown>>
}

/** What an agent may do, as its owner wrote it down. */
export interface CapabilityBlock {
  /** The agent that it is about. */
  readonly agentId: string
  /** What this agent may do, and within which limits. */
  readonly capabilities: readonly BlockCapability[]
  /** Constraints of everything that the agent does. */
  readonly constraints: Readonly<Record<string, unknown>>
}

/** Options of {@link loadCapabilityBlock}. */
export interface LoadBlockOptions {
  /** Whose block it is, for a template that several agents share. @default `Agent` of the block */
  readonly agentId?: string
  /** The values of `{name}` in scopes and constraints. @default none */
  readonly parameters?: Readonly<Record<string, string>>
  /** The currency of `$100` and of `refund_under_100`. @default USD for `$`; for the latter, that of the other amounts */
  readonly currency?: string
}

const OPTIONS = optionTable('loadCapabilityBlock', {
  agentId: text(),
  parameters: custom((_, given = {}) => given as Readonly<Record<string, string>>),
  currency: text(),
})

const MAX_LENGTH = 65_536
const MAX_ENTRIES = 256
const WRITTEN = /^(\S+)(?: \(scope: ([a-z0-9_]+(?:, ?[a-z0-9_]+)*)\))?$/

/**
 * Loads a capability block in YAML, as owners write it: `read:customer_records (scope: assigned_tickets_only)`.
 * Needs the package `yaml`.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_DEPENDENCY_MISSING`
 */
export function loadCapabilityBlock(yaml: string, options: LoadBlockOptions = {}): CapabilityBlock {
  const { parameters, currency, ...given } = OPTIONS.read(options)
  const members = readMembers(fill(parseYaml(yaml), parameters))
  const agentId = given.agentId ?? members.get('agent')
  if (typeof agentId !== 'string' || !isAgentId(agentId)) throw invalid('Agent must name an agent')
  const limits = readConstraints(members.get('constraints') ?? [])
  const reader: AmountReader = { currency, amounts: limits.map(([, limit]) => limit) }
  const capabilities = readList('Capabilities', members.get('capabilities'))
  return Object.freeze({
    agentId,
    capabilities: Object.freeze(capabilities.map((entry) => readCapability(entry, reader))),
    constraints: Object.freeze(
      Object.fromEntries(limits.map(([name, limit]) => [name, readLimit(name, limit, reader)])),
    ),
  })
}

function parseYaml(text: string): unknown {
  if (typeof text !== 'string' || text.length > MAX_LENGTH)
    throw invalid(`a block has ${MAX_LENGTH} characters at most`)
  const { parse } = loadYaml()
  try {
    return parse(text, { schema: 'core', uniqueKeys: true, maxAliasCount: 0, logLevel: 'error', stringKeys: true })
  } catch {
    // Whatever the parser's words, they quote the file.
    throw invalid('a block is one document of YAML, without anchors and without a key twice')
  }
}

/** Loaded with the first block: most programs have none. */
function loadYaml(): typeof import('yaml') {
  try {
    return require('yaml')
  } catch (error) {
    return loadOptionalPeer({ name: 'yaml', neededBy: 'capability blocks', place: import.meta.url }, error)
  }
}

/** `Agent`, `Capabilities` and `Constraints`, in any case. */
function readMembers(document: unknown): ReadonlyMap<string, unknown> {
  const members = Object.entries(requireMap('a block', document))
  const unknown = members.find(([name]) => !['agent', 'capabilities', 'constraints'].includes(name.toLowerCase()))
  if (unknown !== undefined) throw invalid(`a block has no member ${unknown[0]}`)
  const byName = new Map(members.map(([name, value]) => [name.toLowerCase(), value]))
  if (byName.size === members.length) return byName
  throw invalid('a block has each member once')
}

function readCapability(entry: unknown, reader: AmountReader): BlockCapability {
  const [, scope = '', limits = 'always'] = WRITTEN.exec(textOf(entry)) ?? []
  if (tryParseScope(scope) === undefined && !isRestriction(scope)) {
    throw invalid('each of Capabilities must be written as: read:customer_records (scope: assigned_tickets_only)')
  }
  const named = limits.split(',').flatMap((name) => readNamedLimit(name.trim(), reader))
  return Object.freeze({ scope, constraints: Object.freeze(Object.fromEntries(named)) })
}

/** YAML takes `read:records (scope: own)` for a map, because of the colon and the space in it. */
function textOf(entry: unknown): string {
  if (typeof entry === 'string') return entry
  const members = Object.entries(requireMap('each of Capabilities', entry))
  const [name, value] = members[0] ?? []
  if (members.length === 1 && typeof value === 'string') return `${name}: ${value}`
  throw invalid('each of Capabilities must be one line')
}

function readConstraints(stated: unknown): readonly (readonly [name: string, limit: unknown])[] {
  const maps = Array.isArray(stated) ? readList('Constraints', stated) : [stated]
  const limits = maps.flatMap((map) => Object.entries(requireMap('each of Constraints', map)))
  if (new Set(limits.map(([name]) => name)).size === limits.length) return limits
  throw invalid('each of Constraints stands once')
}

function readList(name: string, stated: unknown): readonly unknown[] {
  if (Array.isArray(stated) && stated.length <= MAX_ENTRIES) return stated
  throw invalid(`${name} must be a list of at most ${MAX_ENTRIES} entries`)
}

function requireMap(name: string, value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalid(`${name} must have members`)
}

/** Fills in parameters, in keys as in values: a line of a block may be either. */
function fill(value: unknown, parameters: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return fillText(value, parameters)
  if (Array.isArray(value)) return value.map((each) => fill(each, parameters))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [fillText(name, parameters), fill(member, parameters)]),
  )
}

function fillText(text: string, parameters: Readonly<Record<string, string>>): string {
  return text.replace(/\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/g, (_, name: string) => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (typeof value === 'string' && isSegmentName(value)) return value
    throw invalid(`the parameter ${name} of the block must be given, as a name`)
  })
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}

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
