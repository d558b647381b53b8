import type { SignatureAlgorithm } from '@countermark/core/internal'

/** A JSON Web Key as WebCrypto reads and writes it. */
export type TestJwk = Readonly<Record<string, unknown>>

/** A key pair in every form that a backend may be given. */
export interface TestKey {
  /** What it signs with. */
  readonly algorithm: SignatureAlgorithm
  /** The public half. */
  readonly publicJwk: TestJwk
  /** `-----BEGIN PUBLIC KEY-----`. */
  readonly publicPem: string
  /** The 32 bytes of an Ed25519 key in base64; `undefined` for other types. */
  readonly publicRaw: string | undefined
  /** JWK SHA-256 thumbprint, base64url (RFC 7638). */
  readonly thumbprint: string
  /** The private half. */
  readonly privateJwk: TestJwk
  /** Signs bytes. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
}

interface WebCryptoRow {
  readonly key: {
    readonly name: string
    readonly namedCurve?: string
    readonly hash?: string
    readonly modulusLength?: number
    readonly publicExponent?: Uint8Array
  }
  readonly sign: { readonly name: string; readonly hash?: string; readonly saltLength?: number }
}

const RSA = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }

/** RFC 9421 section 3.3 in the words of WebCrypto. */
const ROWS: Readonly<Record<SignatureAlgorithm, WebCryptoRow>> = {
  ed25519: { key: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  'ecdsa-p256-sha256': {
    key: { name: 'ECDSA', namedCurve: 'P-256' },
    sign: { name: 'ECDSA', hash: 'SHA-256' },
  },
  'ecdsa-p384-sha384': {
    key: { name: 'ECDSA', namedCurve: 'P-384' },
    sign: { name: 'ECDSA', hash: 'SHA-384' },
  },
  'rsa-pss-sha512': {
    key: { name: 'RSA-PSS', hash: 'SHA-512', ...RSA },
    sign: { name: 'RSA-PSS', saltLength: 64 },
  },
  'rsa-v1_5-sha256': {
    key: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', ...RSA },
    sign: { name: 'RSASSA-PKCS1-v1_5' },
  },
}

/** Generates a key pair, or reads a given private JWK, with WebCrypto. */
export async function createTestKey(algorithm: SignatureAlgorithm, privateJwk?: TestJwk): Promise<TestKey> {
  const { subtle } = globalThis.crypto
  const row = ROWS[algorithm]
  const generated = privateJwk === undefined ? await subtle.generateKey(row.key, true, ['sign', 'verify']) : undefined
  const privateKey =
    generated !== undefined && 'privateKey' in generated
      ? generated.privateKey
      : await subtle.importKey('jwk', withoutMetadata(privateJwk ?? {}), row.key, true, ['sign'])
  const exported = withoutMetadata(await subtle.exportKey('jwk', privateKey))
  const publicJwk = publicHalf(exported)
  const publicKey = await subtle.importKey('jwk', publicJwk, row.key, true, ['verify'])
  return {
    algorithm,
    publicJwk,
    publicPem: toPem(await subtle.exportKey('spki', publicKey)),
    publicRaw: algorithm === 'ed25519' ? toBase64(await subtle.exportKey('raw', publicKey)) : undefined,
    thumbprint: await computeThumbprint(publicJwk),
    privateJwk: exported,
    sign: async (bytes) => new Uint8Array(await subtle.sign(row.sign, privateKey, bytes)),
  }
}

function withoutMetadata(jwk: object): TestJwk {
  const { key_ops: _operations, ext: _extractable, alg: _alg, kid: _kid, use: _use, ...members } = jwk as TestJwk
  return members
}

function publicHalf(jwk: TestJwk): TestJwk {
  const { kty, crv, x, y, n, e } = jwk
  if (kty === 'RSA') return { kty, n, e }
  return kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x }
}

async function computeThumbprint(publicJwk: TestJwk): Promise<string> {
  const members = Object.entries(publicJwk).sort(([a], [b]) => (a < b ? -1 : 1))
  const canonical = new TextEncoder().encode(JSON.stringify(Object.fromEntries(members)))
  return Buffer.from(await globalThis.crypto.subtle.digest('SHA-256', canonical)).toString('base64url')
}

function toPem(spki: ArrayBuffer): string {
  const lines = toBase64(spki).match(/.{1,64}/g) ?? []
  return ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join('\n')
}

function toBase64(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('base64')
}
