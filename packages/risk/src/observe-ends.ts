import type { Decision, Observer } from '@countermark/core'
import { assessedAs } from './assessed-as.ts'
import type { EndedRequest } from './observation.ts'

/** Refusals that say nothing of the agent: what anybody who has a copy of a request can bring about, and our own. */
export const SILENT_CODES: ReadonlySet<string> = new Set([
  'replay_detected',
  'freshness_unproven',
  'rate_limited',
  'approval_required',
  'approval_pending',
  'risk_throttled',
  'risk_read_only',
  'risk_blocked',
])

/** Tells how requests of proven agents end. `isOwn` says which ones the check refused itself. */
export function observeEnds(tell: (ended: EndedRequest) => void, isOwn: (raw: object) => boolean): Observer {
  return {
    finished: (decision, { status, durationMs, repeated, bytes }) => {
      const { facts, refusal, request, atMs } = decision
      const agentId = facts.agent && assessedAs(facts.agent)
      if (repeated === true || agentId === undefined) return
      if (status >= 500 || isOwn(request.raw) || (refusal !== undefined && SILENT_CODES.has(refusal.code))) return
      tell({ agentId, atMs: atMs + durationMs, end: endOf(decision, status), bytes })
    },
  }
}

function endOf({ refusal, mode }: Decision, status: number): EndedRequest['end'] {
  if (refusal !== undefined && mode === 'observe') return 'refused'
  if (status === 401) return 'failed'
  if (status === 403) return 'refused'
  return status === 404 || status === 410 ? 'missing' : 'served'
}
