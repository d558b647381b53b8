import { hash } from 'node:crypto'
import type { AuditEvidence } from './audit-record.ts'
import { MAX_TEXT } from './bounded-text.ts'
import { readDpopProof } from './dpop-evidence.ts'
import { digestOf, type MaskedBase, maskBase } from './mask-base.ts'
import type { RecordedDecision, RecordedDelegation, RecordedProof } from './recorded-decision.ts'
import type { SecretParameters } from './secret-parameters.ts'

/** Evidence for the hashed part, and what was signed for the erasable one. */
export interface Evidence {
  readonly evidence: AuditEvidence
  /** The signature in base64url, a line feed, and the signed bytes, one in each character. */
  readonly signed: string | undefined
}

const NONE: Evidence = { evidence: { grade: 'none' }, signed: undefined }

/** What a decision's credentials prove to somebody who has nothing but the trail. `userSalt` hides the claims' hash. */
export function evidenceOf(
  { proof, delegation, dpop }: Pick<RecordedDecision, 'proof' | 'delegation' | 'dpop'>,
  userSalt: string,
  secrets: SecretParameters,
): Evidence {
  if (proof !== undefined) return fromSignature(proof, secrets.occurIn)
  if (delegation === undefined) return NONE
  return readDpopProof(dpop, secrets) ?? fromIssuer(delegation, userSalt)
}

function fromSignature(proof: RecordedProof, isSecretQuery: (text: string) => boolean): Evidence {
  const { algorithm, base, created, publicKey, scheme, signature } = proof
  const shown = showBase(scheme, base, isSecretQuery)
  const evidence: AuditEvidence = {
    algorithm,
    created,
    grade: gradeOf(scheme, shown),
    masked: shown.masked.length === 0 ? undefined : shown.masked,
    publicKey,
  }
  return { evidence, signed: `${signature}\n${shown.text}` }
}

function showBase(scheme: RecordedProof['scheme'], base: string, isSecretQuery: (text: string) => boolean): MaskedBase {
  if (scheme === 'simple-v0') return { text: base, masked: ['content'] }
  const shown = scheme === 'httpsig' ? maskBase(base, isSecretQuery) : maskLines(base, isSecretQuery)
  return shown.text.length <= MAX_TEXT.signed ? shown : { text: digestOf(base), masked: ['*'] }
}

/** Of the nine lines of `simple-v1` one may hold a secret: the request-target. Token and content are hashes already. */
function maskLines(base: string, isSecretQuery: (text: string) => boolean): MaskedBase {
  const lines = base.split('\n')
  const target = lines[TARGET_LINE] ?? ''
  if (!isSecretQuery(target)) return { text: base, masked: [] }
  lines[TARGET_LINE] = digestOf(target)
  return { text: lines.join('\n'), masked: ['@request-target'] }
}

const TARGET_LINE = 3

function gradeOf(scheme: RecordedProof['scheme'], { masked }: MaskedBase): AuditEvidence['grade'] {
  if (scheme === 'simple-v0') return 'signature+content'
  return masked.length === 0 ? 'signature' : 'signature+token'
}

function fromIssuer({ claimsDigest }: RecordedDelegation, userSalt: string): Evidence {
  if (claimsDigest === undefined) return NONE
  const claimsHash = hash('sha256', `${userSalt}\n${claimsDigest}`, 'base64url')
  return { evidence: { claimsHash, grade: 'bearer' }, signed: undefined }
}
