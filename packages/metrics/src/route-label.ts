import type { AgentRequest } from '@countermark/core'
import { OTHER } from './label-set.ts'

/** No route is known to handle the request. */
export const UNMATCHED = 'unmatched'

/** The `route` label of a request. */
export interface RouteLabel {
  /** Of a request that has been routed. */
  readonly routed: (request: AgentRequest) => string
  /** Of one that was refused, perhaps before it was routed: then the template that its path fits, among those seen before. */
  readonly refused: (request: AgentRequest) => string
}

/** Templates come from the application, so only their number is bounded. */
export function createRouteLabel(max: number): RouteLabel {
  const templates = new Map<string, readonly Segment[]>()
  const admit = (template: string): string => {
    if (templates.has(template)) return template
    if (templates.size >= max) return OTHER
    templates.set(template, template.split('/').map(readSegment))
    return template
  }
  const routed = (request: AgentRequest): string => {
    const { template } = request.route()
    return template === undefined ? UNMATCHED : admit(template)
  }
  return {
    routed,
    refused: (request) => {
      const label = routed(request)
      if (label !== UNMATCHED) return label
      if (templates.has(request.path)) return request.path
      const segments = request.path.split('/', MAX_SEGMENTS)
      for (const [template, pattern] of templates) if (fits(segments, pattern)) return template
      return UNMATCHED
    },
  }
}

/** What a template has between two slashes; `undefined` for a parameter. */
type Segment = string | undefined

const MAX_SEGMENTS = 32

function readSegment(text: string): Segment {
  return /^:\w+$/.test(text) ? undefined : text
}

/** Whole segments only: what a router matches by expressions is not found again. */
function fits(segments: readonly string[], pattern: readonly Segment[]): boolean {
  if (segments.length !== pattern.length) return false
  return pattern.every((part, index) => (part === undefined ? segments[index] !== '' : part === segments[index]))
}
