import type { AgentToken } from '../tokens/agent-token.ts'
import type { RequiredApproval } from './read-refusal.ts'

/** A request that a service lets through only with a human's consent. All of it but the request comes from the service. */
export interface ApprovalNeeded {
  /** What the service says of it. */
  readonly approval: RequiredApproval
  /** The request as it was sent. */
  readonly request: {
    readonly method: string
    readonly url: string
    readonly contentType: string | undefined
    readonly contentEncoding: string | undefined
    /** `undefined` for a body that was too large to be held. */
    readonly body: Uint8Array | undefined
  }
  /** The token that went along: it says for whom the agent acts. */
  readonly token: AgentToken | undefined
  /** Of the request. */
  readonly signal: AbortSignal | undefined
}

/** Asks a human and waits; gives the ticket, or `undefined` when there is none. */
export type ApprovalSource = (needed: ApprovalNeeded) => Promise<string | undefined>
