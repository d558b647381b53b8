import { hash } from 'node:crypto'
import { isJsonObject, type JsonObject, type PublicJwk } from '@countermark/core/internal'
import type { AuditEvidence } from './audit-record.ts'
import { MAX_TEXT } from './bounded-text.ts'
import { digestOf, type MaskedBase, maskSignatureBase } from './mask-signature-base.ts'
import type { RecordedDecision, RecordedDelegation, RecordedProof } from './recorded-decision.ts'
import type { SecretMask } from './secret-mask.ts'

/** Evidence for the hashed part, and what was signed for the erasable one. */
export interface Evidence {
  readonly evidence: AuditEvidence
  /** The signature in base64url, a line feed, and the signed bytes, one in each character. */
  readonly signed: string | undefined
}

const NONE: Evidence = { evidence: { grade: 'none' }, signed: undefined }

/** What a decision's credentials prove to a reader who has nothing but the trail. `userSalt` hides the claims' hash. */
export function evidenceOf(
  { proof, delegation, dpop, grade }: Pick<RecordedDecision, 'proof' | 'delegation' | 'dpop' | 'grade'>,
  userSalt: string,
  mask: SecretMask,
): Evidence {
  if (proof !== undefined) return fromSignature(proof, mask)
  if (delegation === undefined) return grade === undefined ? NONE : { ...NONE, evidence: { grade } }
  return readDpopProof(dpop, mask) ?? fromIssuer(delegation, userSalt)
}

function fromSignature({ algorithm, base, created, publicKey, scheme, signature }: RecordedProof, mask: SecretMask) {
  const { text, masked } = showBase(scheme, base, mask)
  const evidence: AuditEvidence = {
    algorithm,
    created,
    grade: scheme === 'simple-v0' ? 'signature+content' : masked.length === 0 ? 'signature' : 'signature+token',
    masked: masked.length === 0 ? undefined : masked,
    publicKey,
  }
  return { evidence, signed: `${signature}\n${text}` }
}

function showBase(scheme: RecordedProof['scheme'], base: string, mask: SecretMask): MaskedBase {
  if (scheme === 'simple-v0') return { text: base, masked: ['content'] }
  const shown = scheme === 'httpsig' ? maskSignatureBase(base, mask) : maskSimpleLines(base, mask)
  return shown.text.length <= MAX_TEXT.signed ? shown : { text: digestOf(base), masked: ['*'] }
}

const TARGET_LINE = 3

/** Of the nine lines of `simple-v1` one may hold a secret: the request-target. Token and content are hashes already. */
function maskSimpleLines(base: string, mask: SecretMask): MaskedBase {
  const lines = base.split('\n')
  const target = lines[TARGET_LINE] ?? ''
  if (!mask.holdsSecret(target)) return { text: base, masked: [] }
  lines[TARGET_LINE] = digestOf(target)
  return { text: lines.join('\n'), masked: ['@request-target'] }
}

/**
 * A DPoP proof as evidence (RFC 9449): the holder of the key signed method, URL, time and the hash of the token. It may stand
 * in the trail because it is worth nothing there: its `jti` was claimed before the record was written, it ends within
 * minutes, and of the token it holds the hash only.
 */
export function readDpopProof(text: string | undefined, mask: SecretMask): Evidence | undefined {
  const [header = '', payload = '', signature = ''] = text?.split('.') ?? []
  if (signature === '' || header.length + payload.length > MAX_TEXT.signed) return undefined
  const { alg, jwk } = parseObject(header)
  const { iat } = parseObject(payload)
  if (typeof alg !== 'string' || !isJsonObject(jwk)) return undefined
  const hasSecret = [header, payload].some((part) => holdsSecretClaim(part, mask))
  const evidence: AuditEvidence = {
    algorithm: alg,
    created: typeof iat === 'number' ? iat : undefined,
    grade: hasSecret ? 'signature+token' : 'possession',
    masked: hasSecret ? ['*'] : undefined,
    publicKey: publicMembers(jwk),
  }
  const signed = `${header}.${payload}`
  return { evidence, signed: `${signature}\n${hasSecret ? digestOf(signed) : signed}` }
}

/** A claim that RFC 9449 does not name may hold anything. */
function holdsSecretClaim(part: string, mask: SecretMask): boolean {
  const members = parseObject(part)
  return JSON.stringify(mask.maskJson(members)) !== JSON.stringify(members)
}

const MEMBERS = ['crv', 'e', 'kty', 'n', 'x', 'y'] as const

/** Nothing but the key: callers choose the other members. */
function publicMembers(jwk: JsonObject): PublicJwk {
  return Object.fromEntries(MEMBERS.flatMap((name) => (typeof jwk[name] === 'string' ? [[name, jwk[name]]] : [])))
}

/** The check before has verified the proof, so each part is an object. */
function parseObject(part: string): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  return isJsonObject(value) ? value : {}
}

function fromIssuer({ claimsDigest }: RecordedDelegation, userSalt: string): Evidence {
  if (claimsDigest === undefined) return NONE
  const claimsHash = hash('sha256', `${userSalt}\n${claimsDigest}`, 'base64url')
  return { evidence: { claimsHash, grade: 'bearer' }, signed: undefined }
}
