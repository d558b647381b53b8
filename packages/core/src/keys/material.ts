import { createPublicKey, type JsonWebKeyInput, KeyObject } from 'node:crypto'
import { decodeBase64, decodeBase64url } from '../internal/base64.ts'
import { isRefusal, Refusal } from '../refusal/refusal.ts'
import type { PublicJwk } from './jwk.ts'
import { isSignatureAlgorithm, type SignatureAlgorithm } from './key.ts'
import { openPssKey } from './rsa.ts'

/** A public key as people have it: a JWK, a PEM block, 32 raw Ed25519 bytes in base64 or base64url, or Node's own object. */
export type KeyMaterial = Readonly<Record<string, unknown>> | string | KeyObject

/** Key material in Node's terms, not checked yet. */
export interface ReadKey {
  readonly publicKey: KeyObject
  /** Only the members that make up the key, as Node writes them. */
  readonly jwk: PublicJwk
  /** The algorithm that a JWK states. */
  readonly algorithm: SignatureAlgorithm | undefined
}

/** Spellings of one algorithm in JOSE (RFC 7518, 8037, 9864) and in the HTTP registry (RFC 9421). */
const ALGORITHM_NAMES: ReadonlyMap<unknown, SignatureAlgorithm> = new Map([
  ['EdDSA', 'ed25519'],
  ['Ed25519', 'ed25519'],
  ['ES256', 'ecdsa-p256-sha256'],
  ['ES384', 'ecdsa-p384-sha384'],
  ['PS512', 'rsa-pss-sha512'],
  ['RS256', 'rsa-v1_5-sha256'],
])

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Reads key material of any accepted form.
 * @throws {@link Refusal} `key_invalid`
 */
export function readKeyMaterial(material: KeyMaterial): ReadKey {
  try {
    const { publicKey: given, algorithm: stated } = toKeyObject(material)
    const isOnlyPss = given.asymmetricKeyType === 'rsa-pss'
    const publicKey = isOnlyPss ? openPssKey(given) : given
    const algorithm = isOnlyPss ? 'rsa-pss-sha512' : stated
    return { publicKey, algorithm, jwk: publicKey.export({ format: 'jwk' }) }
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new Refusal('key_invalid', 'the key material cannot be read', { cause: error })
  }
}

function toKeyObject(material: KeyMaterial): Omit<ReadKey, 'jwk'> {
  if (typeof material === 'string') return { publicKey: fromText(material), algorithm: undefined }
  if (material instanceof Uint8Array) throw invalid('expected text or a JWK, not bytes: read files as utf8')
  if (!(material instanceof KeyObject)) return fromJwk(material)
  if (material.type !== 'public') throw invalid('expected the public half of a key pair')
  return { publicKey: material, algorithm: undefined }
}

function fromText(text: string): KeyObject {
  if (text.includes('-----BEGIN ')) return createPublicKey(readPublicPem(text))
  const trimmed = text.trim()
  const raw = decodeBase64(trimmed) ?? decodeBase64url(trimmed)
  if (raw?.length !== 32) throw invalid('expected a JWK, a PEM block or 32 bytes in base64')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}

function fromJwk(material: Readonly<Record<string, unknown>>): Omit<ReadKey, 'jwk'> {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(material, member))) {
    throw invalid('the JWK holds private or secret members')
  }
  const { kty, crv, x, y, n, e, alg, use, key_ops: operations } = material
  for (const member of [x, y, n, e]) {
    if (member !== undefined && (typeof member !== 'string' || decodeBase64url(member) === undefined)) {
      throw invalid('key members must be canonical base64url')
    }
  }
  if (use !== undefined && use !== 'sig') throw invalid('the JWK is not meant for signatures')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw invalid('the JWK is not meant for verification')
  }
  const publicKey = createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKeyInput['key'], format: 'jwk' })
  return { publicKey, algorithm: alg === undefined ? undefined : toAlgorithm(alg) }
}

/** What {@link readKeyMaterial} reads of a JWK, but for the members that it must not have. */
const READ_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e', 'alg', 'use'] as const

/**
 * Names key material by all that decides about it, character by character: what has one name imports alike. `undefined` for
 * what is none, is refused anyway, or is Node's own object.
 */
export function nameKeyMaterial(material: KeyMaterial): string | undefined {
  if (typeof material === 'string') return `text ${material}`
  if (typeof material !== 'object' || material === null || material instanceof KeyObject) return undefined
  if (material instanceof Uint8Array || PRIVATE_MEMBERS.some((member) => Object.hasOwn(material, member))) {
    return undefined
  }
  const operations = material['key_ops']
  if (!(operations === undefined || (Array.isArray(operations) && operations.every(isText)))) return undefined
  let name = `jwk ${operations === undefined ? '-' : JSON.stringify(operations)}`
  for (const member of READ_MEMBERS) {
    const value = material[member]
    if (!(value === undefined || isText(value))) return undefined
    // The length marks where a member ends: its text cannot imitate another member.
    name += value === undefined ? ' -' : ` ${value.length}:${value}`
  }
  return name
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function toAlgorithm(alg: unknown): SignatureAlgorithm {
  const known = ALGORITHM_NAMES.get(alg)
  if (known !== undefined) return known
  if (typeof alg === 'string' && isSignatureAlgorithm(alg)) return alg
  throw invalid('the algorithm of the JWK is not supported')
}

/** A block with the text around it. Its content holds no dash unless it begins with headers, which no key of today does. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----/

/** SPKI (RFC 7468 section 13), or PKCS #1 as older tools write RSA keys. */
const PUBLIC_LABELS: readonly (string | undefined)[] = ['PUBLIC KEY', 'RSA PUBLIC KEY']

/**
 * The one PEM block of a text, as every parser takes it: explanatory text around it, indentation and line breaks of any kind
 * gone (RFC 7468 sections 2 and 3). `undefined` when it holds none, several, or one without line breaks.
 */
export function tidyPem(text: string): string | undefined {
  const [, label, content = '', end] = BLOCK.exec(text) ?? []
  const isSole = text.indexOf('-----BEGIN ') === text.lastIndexOf('-----BEGIN ')
  if (label === undefined || label !== end || !isSole || !/^[^\S\r\n]*[\r\n]/.test(content)) return undefined
  const lines = content.replace(/\s+/g, '').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/**
 * Reads a text that holds one PEM block of a public key.
 * @throws {@link Refusal} `key_invalid`
 */
export function readPublicPem(text: string): string {
  const [, label] = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text) ?? []
  if (!PUBLIC_LABELS.includes(label)) throw invalid(expectedPublic(text))
  if (text.indexOf('-----BEGIN ') !== text.lastIndexOf('-----BEGIN ')) throw invalid('expected one PEM block')
  const pem = tidyPem(text)
  if (pem === undefined) throw invalid('expected a whole PEM block with its line breaks')
  return pem
}

function expectedPublic(text: string): string {
  const expected = 'expected a PEM block named PUBLIC KEY'
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)
    ? `${expected}, not the private half, which only the agent may have: openssl pkey -in FILE -pubout`
    : expected
}

function invalid(message: string): Refusal {
  return new Refusal('key_invalid', message)
}
