import type { Decision } from '@countermark/core'

/** Which record belongs to the decision that was made last about each request under way. */
export interface LatestDecisions {
  readonly remember: (decision: Decision, id: string) => void
  /** The id, once, when this decision is the last one about its request. */
  readonly take: (decision: Decision) => string | undefined
}

interface Latest {
  readonly decision: Decision
  readonly id: string
}

/** Requests under way at once; more than a process can serve. */
const MAX_REQUESTS = 100_000

/** Remembers by request id. A weak map by request would cost the garbage collector more than all the rest of a record. */
export function createLatestDecisions(): LatestDecisions {
  const byRequest = new Map<string, Latest>()
  return {
    remember: (decision, id) => {
      byRequest.set(decision.requestId, { decision, id })
      if (byRequest.size > MAX_REQUESTS) forgetFirst(byRequest)
    },
    take: (decision) => {
      const latest = byRequest.get(decision.requestId)
      if (latest?.decision !== decision) return undefined
      byRequest.delete(decision.requestId)
      return latest.id
    },
  }
}

function forgetFirst(byRequest: Map<string, Latest>): void {
  for (const requestId of byRequest.keys()) {
    byRequest.delete(requestId)
    return
  }
}
