import { hash } from 'node:crypto'
import {
  CREDENTIAL_SCHEMES,
  type EvidenceGrade,
  isJsonObject,
  type JsonObject,
  type PublicJwk,
  type Scheme,
} from '@countermark/core/internal'
import type { AuditEvidence } from './audit-record.ts'
import { MAX_TEXT } from './bounded-text.ts'
import { digestOf, type RecordedDecision, type RecordedDelegation, type RecordedProof } from './read-decision.ts'
import { type SecretMask, SHOWN_COMPONENTS } from './secret-mask.ts'

/** Evidence for the hashed part, and what was signed for the erasable one. */
export interface Evidence {
  readonly evidence: AuditEvidence
  /** The signature in base64url, a line feed, and the signed bytes, one in each character. */
  readonly signed: string | undefined
}

const NONE: Evidence = { evidence: { grade: 'none' }, signed: undefined }

/** What each kind of credential proves by itself. */
const GRADES: ReadonlyMap<Scheme, EvidenceGrade> = new Map(CREDENTIAL_SCHEMES.map(({ name, grade }) => [name, grade]))

function gradeOf(scheme: Scheme, otherwise: EvidenceGrade = 'none'): EvidenceGrade {
  return GRADES.get(scheme) ?? otherwise
}

/** What a decision's credentials prove to a reader who has nothing but the trail. `userSalt` hides the claims' hash. */
export function evidenceOf(
  { proof, delegation, dpop, grade }: Pick<RecordedDecision, 'proof' | 'delegation' | 'dpop' | 'grade'>,
  userSalt: string,
  mask: SecretMask,
): Evidence {
  if (proof !== undefined) return fromSignature(proof, gradeOf(proof.scheme, grade), mask)
  if (delegation === undefined) return grade === undefined ? NONE : { ...NONE, evidence: { grade } }
  return readDpopProof(dpop, mask) ?? fromIssuer(delegation, userSalt)
}

function fromSignature(
  { algorithm, base, created, publicKey, scheme, signature }: RecordedProof,
  grade: EvidenceGrade,
  mask: SecretMask,
): Evidence {
  const { text, masked } = showBase(scheme, base, mask)
  const evidence: AuditEvidence = {
    algorithm,
    created,
    // What is masked is a credential, unless it is what this kind always leaves out.
    grade: grade === 'signature' && masked.length > 0 ? 'signature+token' : grade,
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
    grade: hasSecret ? 'signature+token' : gradeOf('dpop'),
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
  return { evidence: { claimsHash, grade: gradeOf('bearer') }, signed: undefined }
}

/** Signed text without secrets. */
export interface MaskedBase {
  readonly text: string
  /** Identifiers of the components whose values were replaced, as they begin their lines. */
  readonly masked: readonly string[]
}

const CREDENTIALS = /^(bearer|dpop) (.+)$/i

/**
 * Replaces, in a signature base (RFC 9421 section 2.5), each value that may be a credential by `sha-256=:…:`, the digest of
 * its bytes. Behind `Bearer` and `DPoP` only the token is replaced. A holder of the value can put it back and verify.
 * `base` holds one byte in each character.
 */
export function maskSignatureBase(base: string, mask: SecretMask): MaskedBase {
  let masked: string[] | undefined
  let text = ''
  let copied = 0
  for (let from = 0; from < base.length; ) {
    const feed = base.indexOf('\n', from)
    const end = feed < 0 ? base.length : feed
    const nameEnd = base.indexOf('"', from + 1)
    const name = base.slice(from + 1, nameEnd)
    const kind = SHOWN_COMPONENTS.get(name)
    if (kind !== 'plain') {
      const colon = endOfIdentifier(base, nameEnd + 1)
      const [identifier, value] = [base.slice(from, colon), base.slice(colon + 2, end)]
      if (kind === undefined || mask.holdsSecret(name === '@query-param' ? queryOf(identifier, value) : value)) {
        masked = [...(masked ?? []), identifier]
        text += base.slice(copied, colon + 2) + maskValue(value)
        copied = end
      }
    }
    from = end + 1
  }
  return masked === undefined ? { text: base, masked: [] } : { text: text + base.slice(copied), masked }
}

/** Behind the name there may be parameters, whose texts in quotes may hold any character but a quote. */
function endOfIdentifier(base: string, from: number): number {
  let isQuoted = false
  for (let at = from; at < base.length; at++) {
    const character = base.charAt(at)
    if (character === '"') isQuoted = !isQuoted
    else if (character === ':' && !isQuoted) return at
  }
  return base.length
}

/** `"@query-param";name="token"` as it would be in a query. */
function queryOf(identifier: string, value: string): string {
  return `?${/;name="([^"]*)"/.exec(identifier)?.[1] ?? ''}=${value}`
}

function maskValue(value: string): string {
  const [, scheme, token] = CREDENTIALS.exec(value) ?? []
  return scheme === undefined || token === undefined ? digestOf(value) : `${scheme} ${digestOf(token)}`
}
