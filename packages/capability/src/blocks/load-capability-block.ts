import { Misconfigured } from '@countermark/core'
import { custom, isAgentId, loadOptionalPeer, optionTable, text } from '@countermark/core/internal'
import { fillParameters } from '../scopes/parameters.ts'
import { isRestriction, tryParseScope } from '../scopes/scope.ts'
import { type AmountReader, readLimit, readNamedLimit } from './amounts.ts'

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
  return fillParameters(text, parameters, (name) => {
    throw invalid(`the parameter ${name} of the block must be given, as a name`)
  })
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
