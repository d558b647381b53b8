import { randomUUID } from 'node:crypto'
import type { AgentRequest } from './agent-request.ts'
import type { AgentView, Facts } from './facts.ts'

/** What the guards of one factory know of one request. Kept beside the request, where no other code can assign it. */
export interface RequestState {
  readonly request: AgentRequest
  readonly startedMs: number
  /** Made when first asked for. */
  readonly requestId: () => string
  /** Facts that stand: established by guards that let the request pass. */
  facts: Readonly<Partial<Facts>>
  view: AgentView | undefined
  shapeChecked: boolean
  /** Some guard let this request through without an identity, by name. */
  anonymous: boolean
}

/** Starts to remember a request. */
export function createRequestState(request: AgentRequest, nowMs: number): RequestState {
  let requestId: string | undefined
  return {
    request,
    startedMs: nowMs,
    requestId: () => {
      requestId ??= randomUUID()
      return requestId
    },
    facts: {},
    view: undefined,
    shapeChecked: false,
    anonymous: false,
  }
}

const COVERS_NOTHING = (): boolean => false

/** The flat, frozen view of the facts for handlers; `undefined` while nobody is known. */
export function createAgentView(facts: Readonly<Partial<Facts>>, requestId: () => string): AgentView | undefined {
  const { agent, proof, freshness } = facts
  if (agent === undefined) return undefined
  return Object.freeze({
    ...facts,
    ...agent,
    get requestId() {
      return requestId()
    },
    keyId: proof?.keyId,
    thumbprint: proof?.thumbprint,
    proof,
    freshness,
    covered: proof?.covers ?? COVERS_NOTHING,
  })
}
