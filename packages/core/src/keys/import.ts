import type { KeyObject } from 'node:crypto'
import { createRecent } from '../internal/recent.ts'
import { Refusal } from '../refusal/refusal.ts'
import { type PublicJwk, thumbprintOf } from './jwk.ts'
import { isSmallOrder, type SignatureAlgorithm } from './key.ts'
import { type KeyMaterial, nameKeyMaterial, readKeyMaterial } from './material.ts'
import { isCanonicalPoint, isOnCurve } from './points.ts'
import { PUBLISHED_TEST_KEYS } from './published-test-keys.ts'
import { isRocaModulus } from './rsa.ts'

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
  /** The algorithm to use the key with; must agree with a JWK's own `alg`. @default the JWK's `alg`, or the type's default */
  readonly algorithm?: SignatureAlgorithm
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
}

/** What a key of a type may be used with; the first is the default. */
const ALGORITHMS_BY_TYPE: ReadonlyMap<string, readonly SignatureAlgorithm[]> = new Map([
  ['OKP Ed25519', ['ed25519']],
  ['EC P-256', ['ecdsa-p256-sha256']],
  ['EC P-384', ['ecdsa-p384-sha384']],
  ['RSA', ['rsa-pss-sha512', 'rsa-v1_5-sha256']],
] as const)

/**
 * Checks and imports a public key, once; everything else handles the result.
 * @throws {@link Refusal} `key_invalid`
 */
export function importPublicKey(material: KeyMaterial, options: ImportOptions = {}): ImportedKey {
  const { publicKey, jwk, algorithm: stated } = readKeyMaterial(material)
  const algorithm = chooseAlgorithm(jwk, stated, options.algorithm)
  const rawPublicKey = jwk.kty === 'OKP' ? checkedPoint(jwk) : undefined
  if (jwk.kty === 'RSA') checkRsa(publicKey, jwk)
  const thumbprint = thumbprintOf(jwk)
  if (PUBLISHED_TEST_KEYS.has(thumbprint) && options.allowTestKeys !== true) {
    throw invalid('the private half of this key is public; allowTestKeys accepts it in tests')
  }
  return { publicKey, thumbprint, algorithm, rawPublicKey }
}

/** RFC 9421 section 3.2: where the algorithm is stated in more than one place, all of them must be equal. */
function chooseAlgorithm(
  jwk: PublicJwk,
  stated: SignatureAlgorithm | undefined,
  asked: SignatureAlgorithm | undefined,
): SignatureAlgorithm {
  const usable = ALGORITHMS_BY_TYPE.get(jwk.kty === 'RSA' ? 'RSA' : `${jwk.kty} ${jwk.crv}`)
  if (usable === undefined) throw invalid('expected an Ed25519, ECDSA P-256 or P-384, or RSA key')
  if (stated !== undefined && asked !== undefined && stated !== asked) {
    throw invalid('the JWK states another algorithm than the one asked for')
  }
  const algorithm = asked ?? stated ?? usable[0]
  if (algorithm === undefined || !usable.includes(algorithm)) throw invalid('the stated algorithm does not fit the key')
  return algorithm
}

function checkedPoint(jwk: PublicJwk): Uint8Array {
  const point = Buffer.from(String(jwk.x), 'base64url')
  if (point.length !== 32) throw invalid('an Ed25519 key has 32 bytes')
  if (isSmallOrder(point)) throw invalid('the Ed25519 point has small order')
  if (!isCanonicalPoint(point)) throw invalid('the Ed25519 point is not canonical')
  if (!isOnCurve(point)) throw invalid('the bytes are no point of the curve')
  return point
}

function checkRsa(publicKey: KeyObject, { n = '' }: PublicJwk): void {
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {}
  if (!(modulusLength >= 2048 && modulusLength <= 4096)) throw invalid('an RSA key has 2048 to 4096 bits')
  // A larger exponent would make each verification as dear as a signature.
  if (publicExponent < 65_537n || publicExponent >= 2n ** 32n || publicExponent % 2n === 0n) {
    throw invalid('an RSA exponent is odd, at least 65537 and below 2^32')
  }
  if (isRocaModulus(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))) {
    throw invalid('the RSA key can be factored (ROCA, CVE-2017-15361)')
  }
}

function invalid(message: string): Refusal {
  return new Refusal('key_invalid', message)
}

/** Checks and imports a public key, as `importPublicKey` does. @throws Refusal `key_invalid` */
export type ImportPublicKey = (material: KeyMaterial, options?: ImportOptions) => ImportedKey

/** An RSA key of 4096 bits takes 700. */
const CHARACTERS_EACH = 1024

/**
 * Makes an `importPublicKey` that remembers up to `maxKeys` keys: documents are fetched again and again, and tokens name the
 * same few keys. Keys are told apart by everything that decides about them, character by character; refusals are not
 * remembered.
 */
export function rememberKeys(maxKeys: number): ImportPublicKey {
  const recent = createRecent<ImportedKey>({ maxEntries: maxKeys, maxCharacters: maxKeys * CHARACTERS_EACH })
  return (material, options = {}) => {
    const given = nameKeyMaterial(material)
    if (given === undefined) return importPublicKey(material, options)
    const name = `${options.algorithm ?? ''} ${options.allowTestKeys === true} ${given}`
    const known = recent.find(name)
    if (known !== undefined) return known
    const key = Object.freeze(importPublicKey(material, options))
    recent.keep(name, key)
    return key
  }
}
