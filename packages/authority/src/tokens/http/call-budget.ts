import { type AgentRequest, type Clock, isRefusal } from '@countermark/core'
import { createSourceLimiter, type SourceLimiter, type SourceLimitSettings } from '@countermark/core/internal'
import { createCallLimit } from '../../callers/call-limit.ts'
import { OAuthError } from '../oauth-error.ts'

/** How often the endpoints are asked: by the network for what proves nothing, by the client for what does. */
export interface CallBudget {
  /** @throws OAuthError `rate_limited` while the network of the request has nothing left */
  readonly requireRoom: (request: AgentRequest) => void
  /** The request is a client's: it counts against that client alone. @throws OAuthError `rate_limited` */
  readonly prove: (request: AgentRequest, clientId: string) => void
  /** Counts a request that failed, unless a client had proven itself. */
  readonly charge: (request: AgentRequest) => void
  /** The same for the pages, which people ask for before they have proven anything. @throws OAuthError `rate_limited` */
  readonly takePage: (request: AgentRequest) => void
}

/** Each question of a page is a row for a quarter of an hour; people of one office share a network. */
const PAGES: SourceLimitSettings = { perSecond: 5, burst: 200, maxSources: 65_536 }

/** Creates the budget. @param limit `undefined`: networks are not limited */
export function createCallBudget(
  limit: SourceLimitSettings | undefined,
  callsPerSecond: number,
  clock: Clock,
): CallBudget {
  const sources = limit && createSourceLimiter(limit)
  const pages = limit && createSourceLimiter(PAGES)
  const takeCall = createCallLimit(callsPerSecond, clock)
  const proven = new WeakSet<AgentRequest>()
  const now = (): number => clock.monotonicMs()
  const requireRoomIn = (limiter: SourceLimiter | undefined, request: AgentRequest): void => {
    const seconds = limiter?.secondsToWait(() => request.remoteAddress, now) ?? 0
    if (seconds > 0) throw limited(seconds)
  }
  return {
    requireRoom: (request) => requireRoomIn(sources, request),
    prove: (request, clientId) => {
      proven.add(request)
      try {
        takeCall(clientId)
      } catch (error) {
        throw isRefusal(error) ? limited(error.retryAfterSeconds ?? 1) : error
      }
    },
    charge: (request) => {
      if (!proven.has(request)) sources?.charge(request.remoteAddress, now())
    },
    takePage: (request) => {
      requireRoomIn(pages, request)
      pages?.charge(request.remoteAddress, now())
    },
  }
}

function limited(retryAfterSeconds: number): OAuthError {
  return new OAuthError('rate_limited', 'too many requests; ask again later', { retryAfterSeconds })
}
