import type { Level } from '@countermark/core'
import type { PublicJwk, Scheme, SignatureAlgorithm } from '@countermark/core/internal'

/** Version of the schema below. A member is added without a new version; one that changes its meaning gets one. */
export const AUDIT_SCHEMA_VERSION = 1

/** Who called, as far as it was proven. */
export interface AuditAgent {
  readonly id: string
  readonly level: Level
  readonly scheme: Scheme
  readonly type?: string | undefined
  readonly version?: string | undefined
  readonly owner?: string | undefined
  /** JWK thumbprint of the key that signed (RFC 7638), and the name its source gives it. */
  readonly thumbprint?: string | undefined
  readonly keyId?: string | undefined
  /** Which running instance of the agent, as it says itself. */
  readonly instance?: string | undefined
}

/** An actor in the delegation chain. */
export interface AuditActor {
  readonly id: string
  readonly issuer?: string | undefined
}

/** For whom the agent acted, and through which actors. */
export interface AuditDelegation {
  readonly issuer: string
  readonly tokenId?: string | undefined
  /** The actor that acts now, where that is the agent itself. The whole chain may name people, so it is in `private.actors`. */
  readonly actor?: AuditActor | undefined
  /** How many actors the rights went through, the agent included. */
  readonly depth: number
  readonly scopes: readonly string[]
  readonly binding: string
  readonly issuedAt: string
  readonly expiresAt: string
}

/** How much of an action a third party can check without us, most first. docs/protocol/audit-record.md tells how. */
export type EvidenceGrade = 'signature' | 'signature+token' | 'signature+content' | 'possession' | 'bearer' | 'none'

/** What proves a decision's facts. The signed bytes and the signature are in `private.signed`. */
export interface AuditEvidence {
  readonly grade: EvidenceGrade
  readonly algorithm?: SignatureAlgorithm | string | undefined
  readonly publicKey?: PublicJwk | undefined
  /** Unix seconds, as the signer dated it. */
  readonly created?: number | undefined
  /** Covered components whose values were replaced by their SHA-256. */
  readonly masked?: readonly string[] | undefined
  /** SHA-256, base64url, of the salt of `private.user` and the token's claims: see the documentation. */
  readonly claimsHash?: string | undefined
}

/** One decision of one guard. Times are ISO 8601 in UTC with milliseconds. */
export interface DecisionRecord {
  readonly v: typeof AUDIT_SCHEMA_VERSION
  readonly type: 'decision'
  /** Names the decision; an outcome refers to it. */
  readonly id: string
  readonly at: string
  readonly requestId: string
  readonly traceId?: string | undefined
  /** What became of it, by which check, and why; `code` only where something was refused. */
  readonly decision: 'allow' | 'deny' | 'observe'
  readonly check: string
  readonly code?: string | undefined
  /** The status that was, or in observe mode would have been, answered. */
  readonly status?: number | undefined
  /** The operator's reason: the refusal's message. */
  readonly reason?: string | undefined
  /** The guard would have let pass what it refuses, for this caller at least. Left out where it enforces. */
  readonly mode?: 'observe' | undefined
  readonly agent?: AuditAgent | undefined
  /** Whose key a refused request named, when there is such an agent: proven by nothing. */
  readonly claimedAgent?: string | undefined
  readonly delegation?: AuditDelegation | undefined
  readonly action: {
    readonly method: string
    readonly capabilities?: readonly string[] | undefined
    readonly approval?: string | undefined
  }
  readonly resource: AuditResource
  /**
   * SHA-256, base64url, of the salt of `private.target`, the query and the content's digest. A holder of the request can
   * compare; without the salt, once it is erased, it cannot be guessed.
   */
  readonly argumentHash?: string | undefined
  /** Hash of how the guard was configured. */
  readonly configuration: string
  /** Commitments to the members of `private`, by name: SHA-256, base64url, of salt and value. */
  readonly commitments: Readonly<Record<string, string>>
  readonly evidence: AuditEvidence
}

/** What was asked for. The path and the query as sent are in `private.target`. */
export interface AuditResource {
  readonly authority: string
  readonly route?: string | undefined
  readonly dataClass?: string | undefined
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
  /** It was allowed, but something had answered before the guard decided: no handler ran. */
  readonly unserved?: true | undefined
  /** The route that handled it, which a guard in front of the router cannot know. */
  readonly route?: string | undefined
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

/** What is hashed. Values that a person may have erased are beside it, in `private`. */
export type AuditRecord = DecisionRecord | OutcomeRecord | EventRecord

/** A value that may be erased, with the salt without which its commitment could be guessed. */
export interface PrivateValue {
  readonly salt: string
  readonly value: string
}
