import { hash, type KeyObject } from 'node:crypto'
import { type Decision, type DelegationFact, type ProofFact, type PublicJwk, thumbprintOf } from '@countermark/core'
import type { AuditEvidence } from './audit-record.ts'
import { MAX_TEXT } from './bounded-text.ts'
import { claimsDigest } from './claims-digest.ts'
import { readDpopProof } from './dpop-evidence.ts'
import { digestOf, type MaskedBase, maskBase } from './mask-base.ts'

/** Evidence for the hashed part, and what was signed for the erasable one. */
export interface Evidence {
  readonly evidence: AuditEvidence
  /** The signature in base64url, a line feed, and the signed bytes, one in each character. */
  readonly signed: string | undefined
  /** The content's digest as the signature covers it (RFC 9530). In the record it stands in what was signed alone. */
  readonly contentDigest?: string | undefined
}

const NONE: Evidence = { evidence: { grade: 'none' }, signed: undefined }

/** What a decision's credentials prove to somebody who has nothing but the trail. `userSalt` hides the claims' hash. */
export function evidenceOf(
  { facts, request }: Decision,
  userSalt: string,
  isSecretQuery: (text: string) => boolean,
): Evidence {
  const { proof, delegation, agent } = facts
  if (proof !== undefined) return fromSignature(proof, contentDigestOf(proof, request.headers), isSecretQuery)
  if (delegation === undefined) return NONE
  const possession = agent?.scheme === 'dpop' ? readDpopProof(request.headers.only('dpop')) : undefined
  return possession ?? fromIssuer(delegation, userSalt)
}

function fromSignature(
  proof: ProofFact,
  contentDigest: string | undefined,
  isSecretQuery: (text: string) => boolean,
): Evidence {
  const { algorithm, created, publicKey, scheme, signed } = proof
  const base = toLatin1(signed.base)
  const shown = showBase(scheme, base, isSecretQuery)
  const evidence: AuditEvidence = {
    algorithm,
    created,
    grade: gradeOf(scheme, shown),
    masked: shown.masked.length === 0 ? undefined : shown.masked,
    publicKey: publicKey === undefined ? undefined : publicJwkOf(publicKey),
  }
  const signature = toBuffer(signed.signature).toString('base64url')
  return { evidence, signed: `${signature}\n${shown.text}`, contentDigest }
}

function showBase(scheme: ProofFact['scheme'], base: string, isSecretQuery: (text: string) => boolean): MaskedBase {
  // The bytes that `simple-v0` signs are the content and ten digits: the content is not the trail's to keep.
  if (scheme === 'simple-v0') return { text: digestOf(base.slice(0, -10)) + base.slice(-10), masked: ['content'] }
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
const BODY_LINE = 7

function gradeOf(scheme: ProofFact['scheme'], { masked }: MaskedBase): AuditEvidence['grade'] {
  if (scheme === 'simple-v0') return 'signature+content'
  return masked.length === 0 ? 'signature' : 'signature+token'
}

/** The content's digest as the signature vouches for it. */
function contentDigestOf(
  { covers, scheme, signed }: ProofFact,
  headers: Decision['request']['headers'],
): string | undefined {
  if (scheme === 'httpsig') return covers('content-digest') ? headers.lines('content-digest').join(', ') : undefined
  if (scheme === 'simple-v1') return `sha-256=:${toLatin1(signed.base).split('\n')[BODY_LINE] ?? ''}:`
  if (scheme === 'simple-v0') return digestOf(toLatin1(signed.base).slice(0, -10))
  return undefined
}

function fromIssuer({ claims }: DelegationFact, userSalt: string): Evidence {
  const claimsHash = hash('sha256', `${userSalt}\n${claimsDigest(claims)}`, 'base64url')
  return { evidence: { claimsHash, grade: 'bearer' }, signed: undefined }
}

const jwks = new WeakMap<KeyObject, PublicJwk>()

/** Exporting a key costs as much as the rest of a record, and keys stay the same. */
function publicJwkOf(key: KeyObject): PublicJwk {
  const known = jwks.get(key)
  if (known !== undefined) return known
  const exported: Readonly<Record<string, unknown>> = { ...key.export({ format: 'jwk' }) }
  const members = Object.entries(exported).filter(([name]) => name !== 'kid' && name !== 'alg')
  const jwk: PublicJwk = Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
  thumbprintOf(jwk)
  jwks.set(key, jwk)
  return jwk
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toLatin1(bytes: Uint8Array): string {
  return toBuffer(bytes).toString('latin1')
}
