import type { CredentialScheme } from '../credential-scheme.ts'
import type { AgentView, Facts } from '../facts.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { AgentRequest } from '../request.ts'
import type { GuardMetrics, Measured, Measurement } from './metric-row.ts'

/** How long one check took. */
export interface CheckTiming {
  /** The name of the check. */
  readonly check: string
  /** How long it took. Milliseconds. */
  readonly durationMs: number
}

/** One decision of one guard. */
export interface Decision {
  /** The id of the request, as the answer carries it. */
  readonly requestId: string
  /** Unix time in milliseconds. */
  readonly atMs: number
  /** `observe` stands for a refusal that was let pass because its guard only observes. */
  readonly outcome: 'allow' | 'deny' | 'observe'
  /** The check that refused; for an allowed request the last one. */
  readonly check: string
  /** Why it was refused; `undefined` when it was allowed. */
  readonly refusal: Refusal | undefined
  /** The status that was, or in observe mode would have been, answered. `undefined` when allowed. */
  readonly status: number | undefined
  /** What the guard saw. */
  readonly request: AgentRequest
  /** Who called, as handlers see it; `undefined` when refused or unknown. */
  readonly agent: AgentView | undefined
  /** What checks found out before they ended. */
  readonly facts: Readonly<Partial<Facts>>
  /** How long each check took. */
  readonly timings: readonly CheckTiming[]
  /** The kind of credential that established the agent. */
  readonly credential?: CredentialScheme | undefined
  /** Whether the guard enforces what it decides, for this caller where that differs: see `createGuard({ enforce })`. */
  readonly mode: 'enforce' | 'observe'
  /** SHA-256, base64url, of how the guard and its checks are configured: the same for the same code and options. */
  readonly configuration: string
  /** The caller proved no identity because the guard is optional or the route is left open. */
  readonly anonymous: boolean
}

/** What became of a request after its decision. */
export interface Outcome {
  /** The id of the request, as the decision has it. */
  readonly requestId: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** From the decision to the end of the answer. Milliseconds. */
  readonly durationMs: number
  /** Bytes of the answer, its head included, as they were sent; `undefined` where a connection carries several answers at once. */
  readonly bytes?: number
  /** The client went away before the answer was complete. */
  readonly aborted: boolean
  /** It was allowed, but an answer had begun before the guard decided, so that no handler ran. @default false */
  readonly unserved?: boolean
  /** Another guard of the same factory has told of this request's end already: it counts once. @default false */
  readonly repeated?: boolean
}

/** Watches; never changes a decision and never delays one. What it throws is swallowed and counted. */
export interface Observer extends Measured {
  /** Called after each decision. */
  readonly decided?: (decision: Decision) => void
  /** Called when the answer to a request has ended. */
  readonly finished?: (decision: Decision, outcome: Outcome) => void
  /** Called with what parts of the guard measure themselves. */
  readonly measured?: (measurement: Measurement) => void
  /** Called when a guard is composed, before its first request: what will be measured. May throw. */
  readonly described?: (guard: GuardMetrics) => void
}

/**
 * Writes evidence. A decision on an unsafe request is answered only after it was recorded; otherwise `audit_unavailable`.
 * A safe one passes all the same, unless the recorder throws `Unavailable`: then it cannot even keep the record for later.
 */
export interface Recorder extends Measured {
  /** Writes down a decision; the answer waits for it. */
  readonly record: (decision: Decision) => void | Promise<void>
  /** Writes down what became of it; nothing waits for that. */
  readonly finish?: (decision: Decision, outcome: Outcome) => void
}
