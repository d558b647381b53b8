import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { importPublicKey, isRefusal } from '../src/index.ts'
import type { KeyMaterial } from '../src/internal.ts'
import { thrownBy } from './guarding.ts'

const ED25519 = generateKeyPairSync('ed25519')
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey

function jwkOf(key: KeyObject): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }) }
}

function pemOf(key: KeyObject, type: 'spki' | 'pkcs1' = 'spki'): string {
  return String(key.export({ format: 'pem', type }))
}

const PRIVATE_PEM = String(ED25519.privateKey.export({ format: 'pem', type: 'pkcs8' }))
const SHA512 = { hashAlgorithm: 'sha512', mgf1HashAlgorithm: 'sha512' } as const

function pssKey(restrictions: object): KeyObject {
  return generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...restrictions }).publicKey
}

function rewrapped(pem: string, width: number): string {
  const [first = '', ...lines] = pem.trim().split('\n')
  const last = lines.pop() ?? ''
  return [first, ...(lines.join('').match(new RegExp(`.{1,${width}}`, 'g')) ?? []), last].join('\n')
}

function rawOf(key: KeyObject): Buffer {
  return Buffer.from(String(jwkOf(key)['x']), 'base64url')
}

function codeFor(material: KeyMaterial, options: object = {}): unknown {
  const error = thrownBy(() => importPublicKey(material, options))
  return isRefusal(error) ? error.code : error
}

describe('a key', () => {
  it.each([
    ['an Ed25519 JWK', jwkOf(ED25519.publicKey), 'ed25519'],
    ['an Ed25519 PEM block', pemOf(ED25519.publicKey), 'ed25519'],
    ['a PEM block between white space', `\n  ${pemOf(ED25519.publicKey)}\n`, 'ed25519'],
    ['32 bytes in base64', rawOf(ED25519.publicKey).toString('base64'), 'ed25519'],
    ['32 bytes in base64url', rawOf(ED25519.publicKey).toString('base64url'), 'ed25519'],
    ["Node's own object", ED25519.publicKey, 'ed25519'],
    ['a P-256 JWK', jwkOf(P256), 'ecdsa-p256-sha256'],
    ['a P-384 PEM block', pemOf(P384), 'ecdsa-p384-sha384'],
    ['an RSA JWK', jwkOf(RSA), 'rsa-pss-sha512'],
    ['an RSA PEM block of the older kind', pemOf(RSA, 'pkcs1'), 'rsa-pss-sha512'],
    ['a PEM block behind a line of text', `Key of an agent, November 2026\n${pemOf(P256)}`, 'ecdsa-p256-sha256'],
    ['a PEM block before text', `${pemOf(P256)}\n# end of file - really`, 'ecdsa-p256-sha256'],
    ['a PEM block that is indented', pemOf(P256).replaceAll(/^/gm, '\t    '), 'ecdsa-p256-sha256'],
    ['a PEM block with carriage returns alone', pemOf(P256).replaceAll('\n', '\r'), 'ecdsa-p256-sha256'],
    ['a PEM block with both', pemOf(P256).replaceAll('\n', '\r\n'), 'ecdsa-p256-sha256'],
    ['a PEM block with lines of 76', rewrapped(pemOf(RSA), 76), 'rsa-pss-sha512'],
    ['an RSA key restricted to PSS', pemOf(pssKey({})), 'rsa-pss-sha512'],
    ['an RSA key restricted to PSS with SHA-512', pemOf(pssKey({ ...SHA512, saltLength: 64 })), 'rsa-pss-sha512'],
    ["Node's own object of such a key", pssKey(SHA512), 'rsa-pss-sha512'],
  ] as const)('is read from %s', (_name, material, algorithm) => {
    expect(importPublicKey(material)).toMatchObject({ algorithm, thumbprint: expect.stringMatching(/^[\w-]{43}$/) })
  })

  it('has the same thumbprint in every form', () => {
    const forms = [jwkOf(RSA), pemOf(RSA), pemOf(RSA, 'pkcs1'), RSA]
    expect(new Set(forms.map((form) => importPublicKey(form).thumbprint)).size).toBe(1)
  })

  it('that is restricted to PSS is the same key as without the restriction', () => {
    const restricted = importPublicKey(pssKey(SHA512))
    const { n, e } = jwkOf(restricted.publicKey)
    expect(importPublicKey({ kty: 'RSA', n, e }).thumbprint).toBe(restricted.thumbprint)
  })

  it('that is restricted to PSS is not used with PKCS #1', () => {
    expect(codeFor(pssKey({}), { algorithm: 'rsa-v1_5-sha256' })).toBe('key_invalid')
  })

  it('keeps its raw bytes only when it is Ed25519', () => {
    expect(importPublicKey(ED25519.publicKey).rawPublicKey).toEqual(rawOf(ED25519.publicKey))
    expect(importPublicKey(P256).rawPublicKey).toBeUndefined()
  })

  it.each(['EdDSA', 'Ed25519', 'ed25519'])('of Ed25519 may state %s as its algorithm', (alg) => {
    expect(importPublicKey({ ...jwkOf(ED25519.publicKey), alg }).algorithm).toBe('ed25519')
  })

  it.each([
    [{ ...jwkOf(RSA), alg: 'RS256' }, 'rsa-v1_5-sha256'],
    [{ ...jwkOf(RSA), alg: 'PS512' }, 'rsa-pss-sha512'],
    [{ ...jwkOf(P256), alg: 'ES256' }, 'ecdsa-p256-sha256'],
    [{ ...jwkOf(P384), alg: 'ES384' }, 'ecdsa-p384-sha384'],
  ] as const)('is used with the algorithm that it states: case %#', (jwk, algorithm) => {
    expect(importPublicKey(jwk).algorithm).toBe(algorithm)
  })

  it('is used with the algorithm asked for where its type leaves a choice', () => {
    expect(importPublicKey(RSA, { algorithm: 'rsa-v1_5-sha256' }).algorithm).toBe('rsa-v1_5-sha256')
  })

  it('may state a use and operations that allow verification', () => {
    const jwk = { ...jwkOf(P256), use: 'sig', key_ops: ['verify'], kid: 'k1', ext: true }
    expect(importPublicKey(jwk).algorithm).toBe('ecdsa-p256-sha256')
  })
})

describe('a key that states something else', () => {
  const ed25519 = jwkOf(ED25519.publicKey)

  it.each([
    ['an algorithm of another type', { ...ed25519, alg: 'ES256' }],
    ['an algorithm that does not exist', { ...ed25519, alg: 'eddsa' }],
    ['no algorithm at all', { ...ed25519, alg: 'none' }],
    ['a shared-secret algorithm', { ...ed25519, alg: 'HS256' }],
    ['a member of Object.prototype as algorithm', { ...ed25519, alg: 'constructor' }],
    ['an algorithm that is no text', { ...ed25519, alg: ['EdDSA'] }],
    ['a use for encryption', { ...ed25519, use: 'enc' }],
    ['operations without verify', { ...ed25519, key_ops: ['sign'] }],
    ['operations that are no list', { ...ed25519, key_ops: 'verify' }],
    ['a private member', jwkOf(ED25519.privateKey)],
    ['a secret member', { ...ed25519, k: 'AAAA' }],
    ['members in base64 instead of base64url', { ...ed25519, x: `${ed25519['x']}=` }],
    ['a member that is no text', { ...ed25519, x: 5 }],
    ['a key that is missing', { kty: 'OKP', crv: 'Ed25519' }],
    ['a shared secret', { kty: 'oct', k: 'AAAA' }],
    ['a curve that is not accepted', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey)],
    ['a curve of another kind', jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['a key agreement key', jwkOf(generateKeyPairSync('x25519').publicKey)],
    ['another Edwards curve', jwkOf(generateKeyPairSync('ed448').publicKey)],
    ['a point off the P-256 curve', { ...jwkOf(P256), y: jwkOf(P256)['x'] }],
  ] as const)('is refused: %s', (_name, jwk) => {
    expect(codeFor(jwk)).toBe('key_invalid')
  })

  it.each([
    ['a private PEM block', String(ED25519.privateKey.export({ format: 'pem', type: 'pkcs8' }))],
    ['a PEM block of another name', pemOf(P256).replaceAll('PUBLIC KEY', 'CERTIFICATE')],
    ['two PEM blocks', pemOf(P256) + pemOf(P384)],
    ['a PEM block of nothing', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----'],
    ['a DSA key', pemOf(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey)],
    ['an RSA key restricted to PSS with another hash', pemOf(pssKey({ hashAlgorithm: 'sha256' }))],
    ['an RSA key restricted to PSS with another mask', pemOf(pssKey({ ...SHA512, mgf1HashAlgorithm: 'sha256' }))],
    ['an RSA key restricted to PSS with a longer salt', pemOf(pssKey({ ...SHA512, saltLength: 65 }))],
    ['a PEM block that ends by another name', pemOf(P256).replace('END PUBLIC', 'END RSA PUBLIC')],
    ['a public PEM block beside the private one', `${pemOf(P256)}${PRIVATE_PEM}`],
    ['a PEM block cut off', pemOf(P256).slice(0, 90)],
    ['a PEM block with other characters in it', pemOf(P256).replace('M', '!')],
    ['31 bytes', Buffer.alloc(31, 9).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 9).toString('base64')],
    ['bytes in hex', rawOf(ED25519.publicKey).toString('hex')],
    ['a JWK as text', JSON.stringify(jwkOf(P256))],
    ['nothing', ''],
  ])('is refused as text: %s', (_name, text) => {
    expect(codeFor(text)).toBe('key_invalid')
  })

  it.each([
    ['a private key', String(ED25519.privateKey.export({ format: 'pem', type: 'pkcs8' })), /openssl pkey .* -pubout/],
    ['lost line breaks', pemOf(P256).replaceAll('\n', '\\n'), /line breaks/],
    ['a file read as bytes', Buffer.from(pemOf(P256)), /read files as utf8/],
  ] as const)('is refused with the remedy: %s', (_name, material, remedy) => {
    expect(() => importPublicKey(material as KeyMaterial)).toThrow(remedy)
  })

  it.each([null, undefined, 5, true, [], () => ({})])('is refused as %p', (material) => {
    expect(codeFor(material as never)).toBe('key_invalid')
  })

  it('is refused as a private or secret object of Node', () => {
    expect(codeFor(ED25519.privateKey)).toBe('key_invalid')
  })

  it('is refused when the algorithm asked for is another one', () => {
    expect(codeFor({ ...jwkOf(RSA), alg: 'PS512' }, { algorithm: 'rsa-v1_5-sha256' })).toBe('key_invalid')
    expect(codeFor(ED25519.publicKey, { algorithm: 'ecdsa-p256-sha256' })).toBe('key_invalid')
  })
})

describe('an RSA key', () => {
  it('is accepted with 4096 bits', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 })
    expect(importPublicKey(publicKey).algorithm).toBe('rsa-pss-sha512')
  }, 60_000)

  it('is refused with 1024 bits', () => {
    expect(codeFor(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)).toBe('key_invalid')
  })

  // Nobody generates such keys in a test: any modulus of the size will do.
  it.each([
    ['2047 bits', 2047, 'AQAB'],
    ['4104 bits', 4104, 'AQAB'],
    ['16384 bits', 16_384, 'AQAB'],
    ['the exponent 3', 2048, 'Aw'],
    ['an even exponent', 2048, 'AQAC'],
    ['an exponent of 33 bits', 2048, 'AQAAAAE'],
    ['an exponent as long as the modulus', 2048, Buffer.alloc(255, 0xab).toString('base64url')],
  ])('is refused with %s', (_name, bits, e) => {
    const n = ((1n << BigInt(bits)) - 1n).toString(16)
    const modulus = Buffer.from(n.length % 2 === 0 ? n : `0${n}`, 'hex').toString('base64url')
    expect(codeFor({ kty: 'RSA', n: modulus, e })).toBe('key_invalid')
  })

  it('is one key however its numbers are padded', () => {
    const { n, e } = jwkOf(RSA)
    const padded = Buffer.concat([Buffer.alloc(1), Buffer.from(String(n), 'base64url')]).toString('base64url')
    expect(importPublicKey({ kty: 'RSA', n: padded, e }).thumbprint).toBe(importPublicKey(RSA).thumbprint)
  })
})

describe('an honest key', () => {
  it('is never refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
        const pkcs8 = { key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' } as const
        return importPublicKey(createPublicKey(createPrivateKey(pkcs8))).algorithm === 'ed25519'
      }),
      { numRuns: 300 },
    )
  })
})
