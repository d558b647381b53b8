import { type AgentRequest, Refusal, Unavailable } from '@countermark/core'
import { isSafeMethod } from '@countermark/core/internal'
import type { IsSafeRoute } from '../policy/safe-routes.ts'
import { type RiskLevel, rankOf } from './levels.ts'

const [THROTTLE, READ_ONLY, APPROVAL, BLOCK] = (['throttle', 'read-only', 'approval', 'block'] as const).map(
  rankOf,
) as [number, number, number, number]

/** What a level asks of a request before it may pass. */
export type Demand = 'nothing' | 'turn' | 'approval' | 'refusal'

/** What a level asks of a request: a turn in one second, an approval, or it is refused. */
export function demandOf(level: RiskLevel, isReading: boolean): Demand {
  const rank = rankOf(level)
  if (rank < THROTTLE) return 'nothing'
  if (rank >= BLOCK) return 'refusal'
  if (rank < READ_ONLY || isReading) return 'turn'
  return rank === APPROVAL ? 'approval' : 'refusal'
}

/** Whether a request changes nothing: by its method, or because the policy says so of its route. */
export function isReading({ method, path }: AgentRequest, isSafeRoute: IsSafeRoute): boolean {
  return isSafeMethod(method) || isSafeRoute(method, path)
}

/** The agent has to slow down. */
export function throttled(waitSeconds: number): Refusal {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds))
  return new Refusal('risk_throttled', 'this agent may send one request a second for now', { retryAfterSeconds })
}

/** The agent is refused at its level. */
export function refusedAt(level: RiskLevel): Refusal {
  if (level === 'block')
    return new Refusal('risk_blocked', 'this agent is blocked for what it did; a reviewer can clear it')
  return new Refusal('risk_read_only', 'this agent may only read for now')
}

/** Nothing is known of the agent, and this request would change something. */
export function riskUnavailable(cause: unknown): Unavailable {
  return new Unavailable('risk_unavailable', 'risk', 'how this agent behaves cannot be told', { cause })
}
