import { type EvidenceGrade, isJsonObject, type PublicJwk, type SignatureAlgorithm } from '@countermark/core/internal'
import type { AuditAgent, AuditDelegation } from './audit-caller.ts'
import { type AuditRisk, isAuditRisk } from './audit-risk.ts'

export type { AuditActor, AuditAgent, AuditDelegation } from './audit-caller.ts'

/** Version of the schema below. A member is added without a new version; one that changes its meaning gets one. */
export const AUDIT_SCHEMA_VERSION = 1

/** What proves a decision's facts. The signed bytes and the signature are in `private.signed`. */
export interface AuditEvidence {
  /** How much of an action a third party can check without us. docs/protocol/audit-record.md tells how. */
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
  /** Where a check of policies was reached. */
  readonly policy?: AuditPolicy | undefined
  /** How the agent behaved, where something was to say: it was at a level, or the level could not be told. */
  readonly risk?: AuditRisk | undefined
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

/** What the organisation's own policy said. The question it was asked may be in `private.question`. */
export interface AuditPolicy {
  readonly engine: string
  readonly decision: 'allow' | 'deny' | 'unavailable'
  /** What the policy was asked about, as the route calls it. */
  readonly action: string
  readonly reason?: string | undefined
  readonly revision?: string | undefined
  /** The name under which the engine logged it. */
  readonly decisionId?: string | undefined
  readonly obligations?: readonly string[] | undefined
  /** The answer to an equal question was used again. */
  readonly cached?: true | undefined
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

type HasShape = (value: unknown) => boolean

const isText: HasShape = (value) => typeof value === 'string'
const isNumber: HasShape = (value) => typeof value === 'number'
const isBoolean: HasShape = (value) => typeof value === 'boolean'
const isTexts: HasShape = (value) => Array.isArray(value) && value.every(isText)

/** Members that must be there, and those that may; what a later version adds is not looked at. */
function shape(required: Readonly<Record<string, HasShape>>, optional: Readonly<Record<string, HasShape>> = {}) {
  const [must, may] = [Object.entries(required), Object.entries(optional)]
  return (value: unknown): boolean =>
    isJsonObject(value) &&
    must.every(([name, has]) => Object.hasOwn(value, name) && has(value[name])) &&
    may.every(([name, has]) => !Object.hasOwn(value, name) || has(value[name]))
}

const isDecision: HasShape = (value) => value === 'allow' || value === 'deny' || value === 'observe'
const isMode: HasShape = (value) => value === 'observe'
const isCommitments: HasShape = (value) => isJsonObject(value) && Object.values(value).every(isText)
const isActor = shape({ id: isText }, { issuer: isText })

const isAgent = shape(
  { id: isText, level: isText, scheme: isText },
  {
    ...{ type: isText, version: isText, owner: isText },
    ...{ thumbprint: isText, keyId: isText, instance: isText },
  },
)

const isDelegation = shape(
  { issuer: isText, depth: isNumber, scopes: isTexts, binding: isText, issuedAt: isText, expiresAt: isText },
  { tokenId: isText, actor: isActor },
)

const isPolicy = shape(
  { engine: isText, decision: isText, action: isText },
  { reason: isText, revision: isText, decisionId: isText, obligations: isTexts, cached: isBoolean },
)

const isPublicKey = shape({ kty: isText }, { crv: isText, x: isText, y: isText, n: isText, e: isText })

const isEvidence = shape(
  { grade: isText },
  { algorithm: isText, publicKey: isPublicKey, created: isNumber, masked: isTexts, claimsHash: isText },
)

const SHAPES: ReadonlyMap<unknown, HasShape> = new Map<unknown, HasShape>([
  [
    'decision',
    shape(
      {
        ...{
          requestId: isText,
          decision: isDecision,
          check: isText,
          configuration: isText,
          commitments: isCommitments,
        },
        action: shape({ method: isText }, { capabilities: isTexts, approval: isText }),
        resource: shape({ authority: isText }, { route: isText, dataClass: isText }),
        evidence: isEvidence,
      },
      {
        ...{ traceId: isText, code: isText, status: isNumber, reason: isText },
        ...{ mode: isMode, agent: isAgent, claimedAgent: isText, delegation: isDelegation, argumentHash: isText },
        policy: isPolicy,
        risk: isAuditRisk,
      },
    ),
  ],
  [
    'outcome',
    shape(
      { requestId: isText, of: isText, status: isNumber, durationMs: isNumber, aborted: isBoolean },
      { route: isText, commitments: () => false },
    ),
  ],
  ['event', shape({ event: isText, details: isJsonObject, commitments: isCommitments })],
])

const isAnyRecord = shape({ v: (value) => value === 1, id: isText, at: isText })

/** Whether a value is a record as this version of the schema has them: everything that is read of it has its type. */
export function isAuditRecord(value: unknown): value is AuditRecord {
  return isJsonObject(value) && isAnyRecord(value) && SHAPES.get(value['type'])?.(value) === true
}
