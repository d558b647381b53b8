import type { JsonWebKey } from 'node:crypto'
import { importPublicKey, isRefusal } from '../src/index.ts'
import { type KeyMaterial, thumbprintOf } from '../src/internal.ts'
import { readCases } from './conformance-suite.ts'
import { thrownBy } from './guarding.ts'

interface Registration {
  readonly register: 'accept' | 'refuse'
}

/** RFC 8032's own keys are among the controls; a registry would refuse them for being published. */
function register(material: KeyMaterial): Registration['register'] {
  try {
    importPublicKey(material, { allowTestKeys: true })
    return 'accept'
  } catch (error) {
    if (isRefusal(error) && error.code === 'key_invalid') return 'refuse'
    throw error
  }
}

describe('keys at registration', () => {
  it('are judged as the vectors say', () => {
    const cases = readCases<{ jwk: KeyMaterial }, Registration>('crypto/key-registration.json')
    const judged = cases.map(({ name, input }) => [name, register(input.jwk)])
    expect(judged).toEqual(cases.map(({ name, expected }) => [name, expected.register]))
  })
})

describe('a thumbprint', () => {
  it('is what RFC 7638 and RFC 8037 say', () => {
    const cases = readCases<{ jwk: JsonWebKey }, { thumbprint: string }>('jose/thumbprints.json')
    const made = cases.map(({ input }) => thumbprintOf(input.jwk))
    expect(made).toEqual(cases.map(({ expected }) => expected.thumbprint))
  })

  it('is the same when the key is imported', () => {
    const cases = readCases<{ jwk: KeyMaterial }, { thumbprint: string }>('jose/thumbprints.json')
    const imported = cases.map(({ input }) => importPublicKey(input.jwk, { allowTestKeys: true }).thumbprint)
    expect(imported).toEqual(cases.map(({ expected }) => expected.thumbprint))
  })

  it.each([{}, { kty: 'oct' }, { kty: 'constructor' }, { kty: 'OKP', crv: 'Ed25519' }, { kty: 'EC', x: 'a', y: 'b' }])(
    'is not made of half a key: %j',
    (jwk) => expect(thrownBy(() => thumbprintOf(jwk))).toMatchObject({ code: 'key_invalid' }),
  )
})
