import { randomUUID } from 'node:crypto'
import type { AgentRequest } from './agent-request.ts'
import type { CheckDescription } from './check.ts'
import type { AgentView, Facts } from './facts.ts'
import { bareCopy } from './internal/bare-object.ts'

/** What the guards of one factory know of one request. Kept beside the request, where no other code can assign it. */
export interface RequestState {
  readonly request: AgentRequest
  readonly requestId: string
  /** By the monotonic clock; 0 when nobody listens. */
  readonly startedMs: number
  /** Facts that stand: established by guards that let the request pass. */
  facts: Readonly<Partial<Facts>>
  view: AgentView | undefined
  shapeChecked: boolean
  /** Whether its network had a request left. */
  admitted: boolean
  /** Somebody was told how the request ended. */
  ended: boolean
  /** Some guard let this request through without an identity, by name. */
  anonymous: boolean
  /** Checks of guards that did so: what they accept helps the caller behind them as well. */
  passed: readonly CheckDescription[]
}

const NOBODY: readonly CheckDescription[] = []
const NO_FACTS: Readonly<Partial<Facts>> = Object.freeze(bareCopy({}))

/** Starts to remember a request. */
export function createRequestState(request: AgentRequest, startedMs: number): RequestState {
  return {
    request,
    requestId: randomUUID(),
    startedMs,
    facts: NO_FACTS,
    view: undefined,
    shapeChecked: false,
    admitted: false,
    ended: false,
    anonymous: false,
    passed: NOBODY,
  }
}
