import { isJsonObject } from '@countermark/core/internal'
import type { AuditRecord } from './audit-record.ts'

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
