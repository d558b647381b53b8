import type { Level, Scheme } from '@countermark/core'

/** Version of the schema below. A member is added without a new version; one that changes its meaning gets one. */
export const AUDIT_SCHEMA_VERSION = 1

/** Who called, as far as it was proven. */
export interface AuditAgent {
  readonly id: string
  readonly level: Level
  readonly scheme: Scheme
  readonly type?: string
  readonly version?: string
  readonly owner?: string
  /** JWK thumbprint of the key that signed (RFC 7638), and the name its source gives it. */
  readonly thumbprint?: string
  readonly keyId?: string
  /** Which running instance of the agent, as it says itself. */
  readonly instance?: string
}

/** Somebody in the chain of delegation. */
export interface AuditActor {
  readonly id: string
  readonly issuer?: string
}

/** For whom the agent acted, and through whose hands. */
export interface AuditDelegation {
  readonly issuer: string
  readonly tokenId?: string
  readonly actor: AuditActor
  readonly priorActors: readonly AuditActor[]
  readonly scopes: readonly string[]
  readonly binding: string
  readonly issuedAt: string
  readonly expiresAt: string
}

/** One decision of one guard. Times are ISO 8601 in UTC with milliseconds. */
export interface DecisionRecord {
  readonly v: typeof AUDIT_SCHEMA_VERSION
  readonly type: 'decision'
  /** Names the decision; an outcome refers to it. */
  readonly id: string
  readonly at: string
  readonly requestId: string
  readonly traceId?: string
  /** What became of it, by which check, and why; `code` only where something was refused. */
  readonly decision: 'allow' | 'deny' | 'observe'
  readonly check: string
  readonly code?: string
  /** The status that was, or in observe mode would have been, answered. */
  readonly status?: number
  /** The operator's reason: the refusal's message. */
  readonly reason?: string
  readonly agent?: AuditAgent
  readonly delegation?: AuditDelegation
  readonly action: { readonly method: string; readonly capabilities?: readonly string[]; readonly approval?: string }
  readonly resource: { readonly authority: string; readonly route?: string; readonly dataClass?: string }
  /** SHA-256, base64url, of the query and the content: the arguments without their values. */
  readonly argumentHash?: string
  /** Hash of how the guard was configured. */
  readonly configuration: string
  /** Commitments to the members of `private`, by name: SHA-256, base64url, of salt and value. */
  readonly commitments: Readonly<Record<string, string>>
  readonly evidence: Readonly<Record<string, unknown>>
}

/** How a request ended whose decision was recorded before. */
export interface OutcomeRecord {
  readonly v: typeof AUDIT_SCHEMA_VERSION
  readonly type: 'outcome'
  readonly id: string
  readonly at: string
  readonly requestId: string
  /** `id` of the decision. */
  readonly of: string
  readonly status: number
  readonly durationMs: number
  readonly aborted: boolean
}

/** Everything else that a trail tells: administration, delegation, erasure. */
export interface EventRecord {
  readonly v: typeof AUDIT_SCHEMA_VERSION
  readonly type: 'event'
  readonly id: string
  readonly at: string
  /** A closed word such as `token_issued` or `record_erased`. */
  readonly event: string
  readonly details: Readonly<Record<string, unknown>>
  readonly commitments: Readonly<Record<string, string>>
}

/** What is hashed. Whatever a person may have erased stands beside it, in `private`. */
export type AuditRecord = DecisionRecord | OutcomeRecord | EventRecord

/** A value that may be erased, with the salt without which its commitment could be guessed. */
export interface PrivateValue {
  readonly salt: string
  readonly value: string
}
