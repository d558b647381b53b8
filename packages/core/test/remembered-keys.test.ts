import { generateKeyPairSync } from 'node:crypto'
import { isRefusal } from '../src/index.ts'
import { type KeyMaterial, rememberKeys } from '../src/internal.ts'
import { thrownBy } from './guarding.ts'

const JWK = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) }
const OTHER = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) }
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
/** RFC 8037 appendix A.2. */
const PUBLISHED = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }

function codeOf(run: () => unknown): unknown {
  const error = thrownBy(run)
  return isRefusal(error) ? error.code : error
}

describe('keys that are remembered', () => {
  it('are imported once, whatever they are called and however their members stand', () => {
    const importKey = rememberKeys(8)
    const { kty, crv, x } = JWK
    expect(importKey({ kid: 'second', x, crv, kty, ext: true }).publicKey).toBe(importKey(JWK).publicKey)
  })

  it.each([
    ['an RSA JWK', { ...RSA.export({ format: 'jwk' }), key_ops: ['verify'] }],
    ['a PEM block', String(RSA.export({ format: 'pem', type: 'spki' }))],
    ['32 bytes in base64url', String(JWK.x)],
  ])('are imported once from %s', (_name, material) => {
    const importKey = rememberKeys(8)
    expect(importKey(material)).toBe(importKey(material))
  })

  it('are told apart by every character of their members', () => {
    const importKey = rememberKeys(8)
    expect(importKey(JWK).thumbprint).not.toBe(importKey(OTHER).thumbprint)
  })

  it('are told apart by their algorithm, stated or asked for', () => {
    const importKey = rememberKeys(8)
    const jwk = { ...RSA.export({ format: 'jwk' }) }
    const asked = importKey(jwk, { algorithm: 'rsa-v1_5-sha256' }).algorithm
    expect([importKey(jwk).algorithm, asked, importKey({ ...jwk, alg: 'RS256' }).algorithm]).toEqual([
      'rsa-pss-sha512',
      'rsa-v1_5-sha256',
      'rsa-v1_5-sha256',
    ])
  })

  it('are as many as were allowed: an older one is imported anew', () => {
    const importKey = rememberKeys(2)
    const first = importKey(JWK).publicKey
    for (let count = 0; count < 3; count++)
      importKey(generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString())
    expect(importKey(JWK).publicKey).not.toBe(first)
  })

  it('cannot be changed by one who holds them', () => {
    expect(Object.isFrozen(rememberKeys(8)(JWK))).toBe(true)
  })
})

describe('an attacker', () => {
  const refusedBesideAGoodOne: readonly (readonly [string, KeyMaterial])[] = [
    ['a private member', { ...JWK, d: 'AAAA' }],
    ['a private member that is hidden', Object.defineProperty({ ...JWK }, 'd', { value: 'AAAA', enumerable: false })],
    ['another use', { ...JWK, use: 'enc' }],
    ['operations without verify', { ...JWK, key_ops: ['sign'] }],
    ['operations that are no list', { ...JWK, key_ops: 'verify' }],
    ['an algorithm of another type', { ...JWK, alg: 'ES256' }],
    ['an algorithm that is no text', { ...JWK, alg: ['EdDSA'] }],
    ['a coordinate that is no text', { ...JWK, x: [JWK.x] }],
    ['a second coordinate that is none', { ...JWK, y: '*' }],
    ['a padded coordinate', { ...JWK, x: `${JWK.x}=` }],
    ['a point of small order', { ...JWK, x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
  ]

  it.each(refusedBesideAGoodOne)('cannot pass with %s because the same key was taken before', (_name, material) => {
    const importKey = rememberKeys(8)
    importKey(JWK)
    importKey(String(JWK.x))
    expect(codeOf(() => importKey(material))).toBe('key_invalid')
    expect(codeOf(() => importKey(material))).toBe('key_invalid')
  })

  it('cannot pass with a published key because a test took it', () => {
    const importKey = rememberKeys(8)
    importKey(PUBLISHED, { allowTestKeys: true })
    expect(codeOf(() => importKey(PUBLISHED))).toBe('key_invalid')
  })

  it('cannot have a text taken for a JWK that is written alike', () => {
    const importKey = rememberKeys(8)
    importKey(JWK)
    expect(codeOf(() => importKey(JSON.stringify(JWK)))).toBe('key_invalid')
  })
})
