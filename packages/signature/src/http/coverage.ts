import { type AgentRequest, isRefusal, Misconfigured, requireKnownOptions } from '@countermark/core'
import { requireWord } from '@countermark/core/internal'
import { type ComponentList, compileComponentList, normaliseComponent, writeComponentList } from './components.ts'

/** What a signature must cover besides method, authority, path and query, which it always must. */
export interface CoverageRule {
  /**
   * Components that must be covered on every request, each exactly as named. `'@scheme'`, which `@target-uri` covers too,
   * refuses what was signed for `http` where this server is `https`. @default []
   */
  readonly also?: readonly string[]
  /** Fields that must be covered whenever the request has them. @default SECURITY_FIELDS */
  readonly whenPresent?: readonly string[]
  /** Whether content must be covered by way of `Content-Digest`. @default 'required' */
  readonly content?: 'required' | 'optional'
}

/** One rule for all, or one that depends on the request (its route is known inside a router) and on the tag. */
export type CoveragePolicy = CoverageRule | ((request: AgentRequest, tag: string | undefined) => CoverageRule)

/** A rule ready for use. */
export interface Coverage {
  /** What the request needs that the list does not cover; empty when it covers enough. */
  readonly findMissing: (request: AgentRequest, list: ComponentList) => readonly string[]
  /** Everything to cover, in the order to ask for it. */
  readonly componentsFor: (request: AgentRequest) => readonly string[]
  /** What these components depend on; `undefined` where they depend on a value. */
  readonly kindOf: (request: AgentRequest) => string | undefined
}

/**
 * Fields that decide who calls, for whom, and what is done: covered whenever they are sent (profile section 16.1, and what
 * parsers and method overriding behind the guard read).
 */
export const SECURITY_FIELDS: readonly string[] = [
  'content-type',
  'content-encoding',
  'authorization',
  'dpop',
  'txn-token',
  'workload-identity-token',
  'agent-delegation',
  'agent-id',
  'idempotency-key',
  'mcp-method',
  'mcp-name',
  'signature-agent',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]

/** What says how to read content, and nothing without it. */
const ABOUT_CONTENT: ReadonlySet<string> = new Set(['content-type', 'content-encoding'])

const NOTHING: readonly string[] = []
const METHOD = ['@method']
const TARGET = ['@method', '@authority', '@path']
const TARGET_AND_QUERY = [...TARGET, '@query']
const MOST_BITS = 31

/** Compiles a policy: rules made by a function are compiled once each. @throws Misconfigured */
export function createCoverage(policy: CoveragePolicy): (request: AgentRequest, tag: string | undefined) => Coverage {
  if (typeof policy !== 'function') {
    const coverage = compileRule(policy)
    return () => coverage
  }
  const compiled = new WeakMap<CoverageRule, Coverage>()
  return (request, tag) => {
    const rule = policy(request, tag)
    const known = compiled.get(rule)
    if (known !== undefined) return known
    const coverage = compileRule(rule)
    compiled.set(rule, coverage)
    return coverage
  }
}

function compileRule(rule: CoverageRule): Coverage {
  requireKnownOptions('coverage', rule, ['also', 'whenPresent', 'content'])
  const { also = NOTHING, whenPresent = SECURITY_FIELDS, content = 'required' } = rule
  requireWord('coverage.content', content, ['required', 'optional'])
  const always = also.map(requireComponent)
  const fields = whenPresent.map(requireFieldName)
  const isContentRequired = content === 'required'

  const findMissing = (request: AgentRequest, list: ComponentList): readonly string[] => {
    const { covers, coversMemberOf } = list
    let missing = NOTHING
    const target = covers('@target-uri') ? METHOD : targetOf(request)
    for (const component of target) if (!covers(component)) missing = [...missing, component]
    for (const component of always) {
      // `@target-uri` begins with the scheme.
      if (covers(component) || (component === '@scheme' && covers('@target-uri'))) continue
      missing = [...missing, component]
    }
    if (isContentRequired && request.hasBody && !covers('content-digest')) missing = [...missing, 'content-digest']
    for (const field of fields) {
      if (!isExpected(request, field) || covers(field)) continue
      // A signature vouches for its own member of `Signature-Agent`; other signatures have theirs (Web Bot Auth).
      if (field === 'signature-agent' && coversMemberOf(field)) continue
      missing = [...missing, field]
    }
    return missing
  }
  const componentsFor = (request: AgentRequest): readonly string[] => {
    const digest = isContentRequired && request.hasBody ? ['content-digest'] : NOTHING
    const present = fields.filter((field) => isExpected(request, field)).map((field) => toAsk(request, field))
    return [...new Set([...targetOf(request), ...always, ...digest, ...present])]
  }
  const kindOf = (request: AgentRequest): string | undefined => {
    // The label of a Signature-Agent is among the components.
    if (fields.length > MOST_BITS || request.headers.has('signature-agent')) return undefined
    let present = 0
    for (let index = 0; index < fields.length; index++) {
      if (request.headers.has(fields[index] as string)) present |= 1 << index
    }
    return `${present} ${request.hasBody} ${request.query === undefined}`
  }
  return { findMissing, componentsFor, kindOf }
}

/** The triple rather than `@target-uri`: it survives a proxy that ends TLS. */
function targetOf(request: AgentRequest): readonly string[] {
  return request.query === undefined ? TARGET : TARGET_AND_QUERY
}

function isExpected(request: AgentRequest, field: string): boolean {
  return request.headers.has(field) && (request.hasBody || !ABOUT_CONTENT.has(field))
}

function toAsk(request: AgentRequest, field: string): string {
  const label = /^([a-z*][a-z0-9_.*-]*)=/.exec(request.headers.only(field) ?? '')?.[1]
  return field === 'signature-agent' && label !== undefined ? `${field};key="${label}"` : field
}

function requireComponent(component: string): string {
  try {
    compileComponentList(writeComponentList([component]))
    return normaliseComponent(component)
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Misconfigured('ERR_OPTION_INVALID', `coverage names ${component}, which is no component identifier`)
  }
}

function requireFieldName(name: string): string {
  const field = requireComponent(name.toLowerCase())
  if (/^[^@;]+$/.test(field)) return field
  throw new Misconfigured('ERR_OPTION_INVALID', `coverage.whenPresent names ${name}, which is no field name`)
}
