import { createHash, createPublicKey, type JsonWebKey, KeyObject } from 'node:crypto'
import { isSignatureAlgorithm, type SignatureAlgorithm } from './algorithms.ts'
import { decodeBase64, decodeBase64url } from './base64.ts'
import { isCanonicalPoint, isOnCurve, isSmallOrder } from './ed25519-points.ts'
import { PUBLISHED_TEST_KEYS } from './published-test-keys.ts'
import { Refusal } from './refusal.ts'

/** A public key as people have it: a JWK, a PEM block, 32 raw Ed25519 bytes in base64 or base64url, or Node's own object. */
export type KeyMaterial = Readonly<Record<string, unknown>> | string | KeyObject

/** A public key fit for use. */
export interface ImportedKey {
  readonly publicKey: KeyObject
  /** JWK SHA-256 thumbprint, base64url (RFC 7638, RFC 8037 appendix A.3). */
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  /** The 32 bytes of an Ed25519 key. */
  readonly rawPublicKey: Uint8Array | undefined
}

/** How a key is imported. */
export interface ImportOptions {
  /** The algorithm to use the key with, where its type leaves a choice. @default the JWK's `alg`, or the type's default */
  readonly algorithm?: SignatureAlgorithm
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
}

/** Spellings of one algorithm in JOSE (RFC 7518, 8037, 9864) and in the HTTP registry (RFC 9421). */
const ALGORITHM_NAMES: Readonly<Record<string, SignatureAlgorithm>> = {
  EdDSA: 'ed25519',
  Ed25519: 'ed25519',
  ES256: 'ecdsa-p256-sha256',
  ES384: 'ecdsa-p384-sha384',
  PS512: 'rsa-pss-sha512',
  RS256: 'rsa-v1_5-sha256',
}

/** What a key of a type may be used with; the first is the default. */
const ALGORITHMS_BY_TYPE: Readonly<Record<string, readonly SignatureAlgorithm[]>> = {
  'OKP Ed25519': ['ed25519'],
  'EC P-256': ['ecdsa-p256-sha256'],
  'EC P-384': ['ecdsa-p384-sha384'],
  RSA: ['rsa-pss-sha512', 'rsa-v1_5-sha256'],
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Checks and imports a public key, once; everything else handles the result.
 * @throws {@link Refusal} `key_invalid`
 */
export function importPublicKey(material: KeyMaterial, options: ImportOptions = {}): ImportedKey {
  const { publicKey, alg } = toKeyObject(material)
  const jwk = publicKey.export({ format: 'jwk' })
  const type = jwk.kty === 'RSA' ? 'RSA' : `${jwk.kty} ${jwk.crv}`
  const usable = ALGORITHMS_BY_TYPE[type]
  if (usable === undefined) throw invalid('expected an Ed25519, ECDSA P-256 or P-384, or RSA key')
  const algorithm = options.algorithm ?? alg ?? usable[0]
  if (algorithm === undefined || !usable.includes(algorithm)) throw invalid('the stated algorithm does not fit the key')
  const rawPublicKey = jwk.kty === 'OKP' ? checkedPoint(jwk) : undefined
  if (jwk.kty === 'RSA') checkRsa(publicKey)
  const thumbprint = thumbprintOf(jwk)
  if (PUBLISHED_TEST_KEYS.has(thumbprint) && options.allowTestKeys !== true) {
    throw invalid('the private half of this key is public; allowTestKeys accepts it in tests')
  }
  return { publicKey, thumbprint, algorithm, rawPublicKey }
}

/** The JWK SHA-256 thumbprint of a key, base64url (RFC 7638 section 3). */
export function thumbprintOf(jwk: JsonWebKey): string {
  const members = THUMBPRINT_MEMBERS[String(jwk.kty)]
  if (members === undefined) throw invalid('expected kty OKP, EC or RSA')
  const canonical = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])))
  return createHash('sha256').update(canonical).digest('base64url')
}

const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  OKP: ['crv', 'kty', 'x'],
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
}

function toKeyObject(material: KeyMaterial): { publicKey: KeyObject; alg?: SignatureAlgorithm } {
  try {
    if (material instanceof KeyObject)
      return { publicKey: material.type === 'private' ? createPublicKey(material) : material }
    if (typeof material === 'string') return { publicKey: fromText(material) }
    return fromJwk(material)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('key_invalid', 'the key material cannot be read', { cause: error })
  }
}

function fromText(text: string): KeyObject {
  const trimmed = text.trim()
  if (trimmed.startsWith('-----BEGIN ')) {
    if (!trimmed.startsWith('-----BEGIN PUBLIC KEY-----')) throw invalid('expected a PEM block named PUBLIC KEY')
    return createPublicKey(trimmed)
  }
  const raw = decodeBase64(trimmed) ?? decodeBase64url(trimmed)
  if (raw?.length !== 32) throw invalid('expected a JWK, a PEM block or 32 bytes in base64')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}

function fromJwk(jwk: Readonly<Record<string, unknown>>): { publicKey: KeyObject; alg?: SignatureAlgorithm } {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)))
    throw invalid('the JWK holds private or secret members')
  const { kty, crv, x, y, n, e, alg, use, key_ops: operations } = jwk
  for (const member of [x, y, n, e]) {
    if (member !== undefined && (typeof member !== 'string' || decodeBase64url(member) === undefined)) {
      throw invalid('key members must be canonical base64url')
    }
  }
  if (use !== undefined && use !== 'sig') throw invalid('the JWK is not meant for signatures')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw invalid('the JWK is not meant for verification')
  }
  const publicKey = createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' })
  return alg === undefined ? { publicKey } : { publicKey, alg: toAlgorithm(alg) }
}

function toAlgorithm(alg: unknown): SignatureAlgorithm {
  if (typeof alg === 'string') {
    if (Object.hasOwn(ALGORITHM_NAMES, alg)) return ALGORITHM_NAMES[alg] as SignatureAlgorithm
    if (isSignatureAlgorithm(alg)) return alg
  }
  throw invalid('the algorithm of the JWK is not supported')
}

function checkedPoint(jwk: JsonWebKey): Uint8Array {
  const point = Buffer.from(String(jwk.x), 'base64url')
  if (point.length !== 32) throw invalid('an Ed25519 key has 32 bytes')
  if (isSmallOrder(point)) throw invalid('the Ed25519 point has small order')
  if (!isCanonicalPoint(point)) throw invalid('the Ed25519 point is not canonical')
  if (!isOnCurve(point)) throw invalid('the bytes are no point of the curve')
  return point
}

function checkRsa(publicKey: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {}
  if (!(modulusLength >= 2048 && modulusLength <= 4096)) throw invalid('an RSA key has 2048 to 4096 bits')
  if (publicExponent < 65_537n || publicExponent % 2n === 0n)
    throw invalid('the RSA exponent must be odd and at least 65537')
}

function invalid(message: string): Refusal {
  return new Refusal('key_invalid', message)
}
