import { Refusal } from '@countermark/core'
import type { Call, Route } from './call.ts'
import { AnsweredElsewhere, problemOf } from './problem.ts'

/** The route for a path and a method, with the values of its template. */
export interface FoundRoute {
  readonly route: Route
  readonly params: Call['params']
}

/** Finds routes. */
export type FindRoute = (method: string, path: string, requestId: string) => FoundRoute

interface Compiled {
  readonly route: Route
  readonly segments: readonly string[]
}

/**
 * Prepares the look-up of routes; a literal segment goes before a parameter.
 * @throws TypeError when two routes have one method and path
 */
export function createRouter(routes: readonly Route[]): FindRoute {
  const bySize = new Map<number, Compiled[]>()
  const seen = new Set<string>()
  for (const route of routes) {
    const name = `${route.method} ${route.path.replace(/\{[^{}]*\}/g, '{}')}`
    if (seen.has(name)) throw new TypeError(`two routes are ${name}`)
    seen.add(name)
    const segments = route.path.split('/').slice(1)
    const same = bySize.get(segments.length) ?? []
    bySize.set(segments.length, [...same, { route, segments }].sort(literalFirst))
  }
  return (method, path, requestId) => {
    const given = path.split('/').slice(1)
    const matching = (bySize.get(given.length) ?? []).filter(({ segments }) => matches(segments, given))
    const [first] = matching
    if (first === undefined) throw notFound()
    // What is literal in the best match must be so in its other methods.
    const alike = matching.filter(({ route }) => shapeOf(route) === shapeOf(first.route))
    const wanted = method === 'HEAD' ? 'GET' : method
    const found = alike.find(({ route }) => route.method === wanted)
    if (found === undefined) throw methodNotAllowed(alike, requestId)
    return { route: found.route, params: paramsOf(found.segments, given) }
  }
}

function shapeOf({ path }: Route): string {
  return path.replace(/\{[^{}]*\}/g, '{}')
}

function literalFirst(a: Compiled, b: Compiled): number {
  return a.segments.filter(isParameter).length - b.segments.filter(isParameter).length
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{')
}

function matches(segments: readonly string[], given: readonly string[]): boolean {
  return segments.every((segment, index) => (isParameter(segment) ? given[index] !== '' : given[index] === segment))
}

function paramsOf(segments: readonly string[], given: readonly string[]): Call['params'] {
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    if (isParameter(segment)) params[segment.slice(1, -1)] = decode(given[index] ?? '')
  }
  return params
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw notFound() // no name is written like this
  }
}

function notFound(): Refusal {
  return new Refusal('not_found', 'no resource has this path')
}

function methodNotAllowed(alike: readonly Compiled[], requestId: string): AnsweredElsewhere {
  const allowed = [...new Set(alike.map(({ route }) => route.method))].sort()
  const refusal = new Refusal('method_not_allowed', `this resource has ${allowed.join(', ')}`)
  const answer = problemOf(refusal, requestId, () => undefined)
  return new AnsweredElsewhere({ ...answer, headers: { ...answer.headers, Allow: allowed.join(', ') } }, refusal.code)
}
