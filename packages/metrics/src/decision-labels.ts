import type { AgentRequest, Decision } from '@countermark/core'
import { reachesLevel } from '@countermark/core/internal'
import { OTHER } from './bounded-labels.ts'

/** The agent of a caller that proved nothing. */
export const UNVERIFIED = 'unverified'

/** No route is known to handle the request. */
export const UNMATCHED = 'unmatched'

/** The `agent` label of a decision. */
export type AgentLabel = (decision: Decision) => string

/**
 * An id is a label only when a credential proves it. A refused signature that names a known key counts for its agent where
 * that agent is shown already: what callers merely say takes no label from those who prove it.
 */
export function createAgentLabel({
  max,
  only,
}: {
  readonly max: number
  readonly only: readonly string[] | undefined
}): AgentLabel {
  const shown = new Set(only?.slice(0, max))
  const admit = (id: string): string => {
    if (shown.has(id)) return id
    if (only !== undefined || shown.size >= max) return OTHER
    shown.add(id)
    return id
  }
  return ({ agent, refusal }) => {
    if (agent !== undefined && reachesLevel(agent.level, 'bearer')) return admit(agent.id)
    const claimed = refusal?.claimedAgent
    return claimed !== undefined && shown.has(claimed) ? claimed : UNVERIFIED
  }
}

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
