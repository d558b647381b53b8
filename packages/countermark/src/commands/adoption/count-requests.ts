import type { SeenDecision, SeenRecord } from './read-decisions.ts'

/** What several decisions and the outcome say of one request. */
export interface SeenRequest {
  readonly firstMs: number
  /** The worst of its decisions. */
  decision: SeenDecision['decision']
  /** Of the decision that refused, or would have. */
  check: string
  code: string | undefined
  isObserving: boolean
  agent: string | undefined
  scheme: string | undefined
  claimedAgent: string | undefined
  method: string
  route: string | undefined
}

const RANK: Readonly<Record<SeenDecision['decision'], number>> = { allow: 0, observe: 1, deny: 2 }
/** Requests whose outcome has not come: more than are ever under way. */
const MOST_OPEN = 50_000

/** Puts decisions of one request together: an application has one guard that identifies, and one for each route. */
export class RequestCount {
  private readonly open = new Map<string, SeenRequest>()
  private readonly tell: (request: SeenRequest) => void

  constructor(tell: (request: SeenRequest) => void) {
    this.tell = tell
  }

  add(seen: SeenRecord): void {
    const { requestId } = seen
    const known = this.open.get(requestId)
    if (seen.type === 'outcome') {
      if (known !== undefined) this.close(requestId, { ...known, route: known.route ?? seen.route })
      return
    }
    this.open.set(requestId, known === undefined ? begin(seen) : merge(known, seen))
    const [oldest] = this.open.size > MOST_OPEN ? this.open : []
    if (oldest !== undefined) this.close(...oldest)
  }

  /** Tells of requests without an outcome: events do not have to bring one. */
  end(): void {
    for (const [requestId, request] of this.open) this.close(requestId, request)
  }

  private close(requestId: string, request: SeenRequest): void {
    this.open.delete(requestId)
    this.tell(request)
  }
}

function begin({ type: _, requestId: _id, atMs, ...seen }: SeenDecision): SeenRequest {
  return { firstMs: atMs, ...seen }
}

function merge(known: SeenRequest, seen: SeenDecision): SeenRequest {
  const isWorse = RANK[seen.decision] > RANK[known.decision]
  const { decision, check, code } = isWorse ? seen : known
  return {
    ...{ firstMs: known.firstMs, decision, check, code },
    isObserving: known.isObserving || seen.isObserving,
    // What is proven at last counts: an optional guard in front proves nothing of callers with a key.
    agent: seen.agent ?? known.agent,
    scheme: seen.agent === undefined ? known.scheme : seen.scheme,
    claimedAgent: known.claimedAgent ?? seen.claimedAgent,
    method: known.method,
    route: seen.route ?? known.route,
  }
}
