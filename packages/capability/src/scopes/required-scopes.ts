import { type AgentRequest, Misconfigured, Refusal } from '@countermark/core'
import { requireObject, requireStrings } from '@countermark/core/internal'
import { fillParameters, parametersOf } from './parameters.ts'
import { isRestriction, isSegmentName, MAX_SEGMENTS, tryParseScope } from './scope.ts'
import type { RenameScope } from './scope-aliases.ts'

/** What a route asks for: one scope, one of several, or all of several. */
export type RequiredScopes = string | { readonly anyOf: readonly string[] } | { readonly allOf: readonly string[] }

/** A scope as a route asks for it: `dns:{zone}:write` takes `zone` from the route's parameters. */
export interface ScopeTemplate {
  readonly text: string
  /** What must be covered for this request; `undefined` when a parameter's value cannot stand in a scope. */
  readonly fill: (parameters: Readonly<Record<string, string>>) => RequiredScope | undefined
  /** The parameters that the route must have. */
  readonly parameters: readonly string[]
}

/** A scope with its parameters filled in. */
export interface RequiredScope {
  /** By which it is compared: aliases are replaced. */
  readonly text: string
  /** As the route writes it, parameters filled in: what a client asks its authorization server for. */
  readonly written: string
  /** As the route declares it. @default the text: nothing was filled in */
  readonly declared?: string
  readonly segments: readonly string[]
}

/** A scope of a route, and what it is for this request; `undefined` when nothing can cover it. */
export interface FilledScope {
  readonly template: ScopeTemplate
  readonly required: RequiredScope | undefined
}

/** What a route requires, as alternatives of which one must be covered. */
export interface RouteScopes {
  /** Whether every request requires the same, and gets the same list. */
  readonly isConstant: boolean
  /** @throws {@link Refusal} `config_error` for a parameter that the route has not */
  readonly fill: (request: AgentRequest) => readonly (readonly FilledScope[])[]
}

const MAX_SCOPES = 16

/**
 * Reads what a route asks for, as alternatives: all scopes of one of them must be covered.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function parseRequiredScopes(
  required: RequiredScopes,
  rename: RenameScope,
): readonly (readonly ScopeTemplate[])[] {
  const read = (text: string): ScopeTemplate => parseScopeTemplate(text, rename)
  if (typeof required === 'string') return [[read(required)]]
  requireObject('what requireCapability requires', required, ['anyOf', 'allOf'])
  if ('anyOf' in required && !('allOf' in required))
    return requireSome('anyOf', required.anyOf).map((text) => [read(text)])
  if ('allOf' in required && !('anyOf' in required)) return [requireSome('allOf', required.allOf).map(read)]
  throw new Misconfigured('ERR_OPTION_INVALID', 'requireCapability takes a scope, { anyOf: […] } or { allOf: […] }')
}

function requireSome(name: string, scopes: readonly string[]): readonly string[] {
  const { length } = requireStrings(name, scopes)
  if (length > 0 && length <= MAX_SCOPES) return scopes
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} lists 1 to ${MAX_SCOPES} scopes`)
}

/**
 * Reads what a route asks for. A parameter is a segment or part of one, never more.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function parseScopeTemplate(text: string, rename: RenameScope): ScopeTemplate {
  const segments = readSegments(text, rename)
  const parameters = parametersOf(text)
  if (parameters.length === 0) {
    const required: RequiredScope = { text: segments.join(':'), written: text, segments }
    return { text, parameters, fill: () => required }
  }
  return { text, parameters, fill: (values) => fillSegments(text, segments, values) }
}

/** Fills in what a route requires, request by request. */
export function createRouteScopes(templates: readonly (readonly ScopeTemplate[])[]): RouteScopes {
  if (templates.flat().some(({ parameters }) => parameters.length > 0)) {
    return { isConstant: false, fill: (request) => templates.map((scopes) => fillScopes(scopes, request)) }
  }
  const filled = templates.map((scopes) => scopes.map((template) => ({ template, required: template.fill({}) })))
  return { isConstant: true, fill: () => filled }
}

function fillScopes(scopes: readonly ScopeTemplate[], request: AgentRequest): readonly FilledScope[] {
  return scopes.map((template) => {
    if (template.parameters.length === 0) return { template, required: template.fill({}) }
    const route = request.route()
    // One that the route has and this request leaves out is covered by nothing; one that it has not is our mistake.
    const missing = template.parameters.find((name) => !Object.hasOwn(route.parameters, name))
    if (missing === undefined || declaresParameter(route.template, missing)) {
      return { template, required: template.fill(route.parameters) }
    }
    throw new Refusal('config_error', `${template.text} needs a route with :${missing}: mount the guard on the route`)
  })
}

const NAMED = /[:*]"?([\p{ID_Start}$_][\p{ID_Continue}$]*)|\(\?<([^>(]+)>/gu

/** Whether a route's template has a parameter of this name: `/zones/:id` has no `zone`. */
function declaresParameter(template: string | undefined, name: string): boolean {
  return [...(template ?? '').matchAll(NAMED)].some(([, named, grouped]) => name === (named ?? grouped))
}

/** A scope that a program puts together; `undefined` for what is none. It has no duration: `dns:1h` is about a zone `1h`. */
export function tryParseRequiredScope(text: string, rename: RenameScope): RequiredScope | undefined {
  const segments = rename(text).split(':')
  const isScope =
    segments.length <= MAX_SEGMENTS && segments.every((segment) => segment === '*' || isSegmentName(segment))
  return isScope && !isRestriction(text) ? { text: segments.join(':'), written: text, segments } : undefined
}

function readSegments(text: string, rename: RenameScope): readonly string[] {
  if (typeof text !== 'string' || isRestriction(text)) throw invalid()
  // Read with a name in the place of each parameter: what a scope may be does not depend on the request.
  const scope = tryParseScope(fillParameters(text, {}, () => 'x'))
  if (scope === undefined) throw invalid()
  if (scope.durationSeconds !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'a route asks for no duration: leave it out of the scope')
  }
  return rename(text).split(':')
}

function fillSegments(
  declared: string,
  segments: readonly string[],
  values: Readonly<Record<string, string>>,
): RequiredScope | undefined {
  // What is no name (`*`, `a:b`, nothing) makes the whole segment none.
  const fill = (text: string): string => fillParameters(text, values, () => ':')
  const filled = segments.map(fill)
  const isUsable = filled.every((segment) => segment === '*' || isSegmentName(segment))
  return isUsable ? { text: filled.join(':'), written: fill(declared), declared, segments: filled } : undefined
}

function invalid(): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', 'a route asks for a scope such as refunds:create or dns:{zone}:write')
}
