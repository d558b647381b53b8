import { createPrivateKey, createPublicKey } from 'node:crypto'
import { importPublicKey, isRefusal } from '../src/index.ts'
import { readCases } from './conformance-suite.ts'
import { thrownBy } from './guarding.ts'

type Jwk = Readonly<Record<string, unknown>>

/** RFC 8032 section 7.1: the secret keys, as everybody can read them. */
const RFC_8032 = [
  '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
  'f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5',
  '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
]

function publicKeyOf(secret: string): Jwk {
  const key = Buffer.from(`302e020100300506032b657004220420${secret}`, 'hex')
  return { ...createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' })).export({ format: 'jwk' }) }
}

function expectPublished(jwk: Jwk): void {
  const error = thrownBy(() => importPublicKey(jwk))
  expect(isRefusal(error) && [error.code, error.message.includes('allowTestKeys')]).toEqual(['key_invalid', true])
  expect(importPublicKey(jwk, { allowTestKeys: true }).thumbprint).toMatch(/^[\w-]{43}$/)
}

describe('a key whose private half is printed in a document', () => {
  it.each(RFC_8032)('is accepted only where a test asks for it: RFC 8032 %s', (secret) => {
    expectPublished(publicKeyOf(secret))
  })

  it('is accepted only where a test asks for it: RFC 9421 appendix B.1', () => {
    const cases = readCases<{ jwk: Jwk }, unknown>('http-signature/keys.json')
    for (const { input, jwk = input.jwk } of cases as readonly { input: { jwk: Jwk }; jwk?: Jwk }[]) {
      const { kty, crv, x, y, n, e } = jwk
      if (kty !== 'oct') expectPublished({ kty, crv, x, y, n, e })
    }
  })

  it('is accepted only where a test asks for it: RFC 7517 appendix A.2', () => {
    const x = 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4'
    expectPublished({ kty: 'EC', crv: 'P-256', x, y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM' })
  })
})
