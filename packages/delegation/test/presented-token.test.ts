import { hash } from 'node:crypto'
import { isRefusal } from '@countermark/core'
import { aRequest } from '@countermark/testing'
import { createTokenReader, type PresentedToken } from '../src/token/presented-token.ts'

type Fields = readonly (readonly [string, string])[]

function read(fields: Fields, reader: ReturnType<typeof createTokenReader>, target = '/'): PresentedToken | string {
  try {
    return reader(aRequest({ target, headerLines: fields }))
  } catch (error) {
    if (isRefusal(error)) return error.code
    throw error
  }
}

describe('a token in a request', () => {
  it.each([
    ['authorization', 'Bearer abc', 'bearer'],
    ['authorization', 'DPOP abc', 'dpop'],
  ])('is read from %s: %s', (field, value, scheme) => {
    expect(read([[field, value]], createTokenReader('either'))).toEqual({
      text: 'abc',
      hash: hash('sha256', 'abc', 'base64url'),
      scheme,
      field,
      places: [field],
    })
  })

  it('is the same when the field comes again', () => {
    const reader = createTokenReader('either')
    const fields: Fields = [['Authorization', 'Bearer abc']]
    expect(read(fields, reader)).toBe(read(fields, reader))
  })

  it('under Agent-Delegation is of the scheme DPoP only beside a proof, whatever came before', () => {
    const reader = createTokenReader('either')
    const plain: Fields = [['Agent-Delegation', 'abc']]
    const schemes = [plain, [...plain, ['DPoP', 'x'] as const], plain].map((fields) => read(fields, reader))
    expect(schemes.map((token) => (typeof token === 'string' ? token : token.scheme))).toEqual([
      'bearer',
      'dpop',
      'bearer',
    ])
  })
})

describe('an attacker', () => {
  it('cannot use what was read before where it must not stand', () => {
    const reader = createTokenReader('either')
    read([['Authorization', 'Bearer abc']], reader)
    read([['Agent-Delegation', 'abc']], reader)
    const both: Fields = [
      ['Authorization', 'Bearer abc'],
      ['Agent-Delegation', 'abc'],
    ]
    expect(read(both, reader)).toBe('request_malformed')
    expect(read([['Authorization', 'Bearer abc']], reader, '/?access_token=abc')).toBe('request_malformed')
    expect(read([['Authorization', 'Bearer abc']], createTokenReader('agent-delegation'))).toBe('credentials_missing')
  })

  it('cannot have a longer token taken by sending it twice', () => {
    const reader = createTokenReader('either')
    const long = 'a'.repeat(8193)
    const sent: readonly Fields[] = [[['Authorization', `Bearer ${long}`]], [['Agent-Delegation', long]]]
    expect([...sent, ...sent].map((fields) => read(fields, reader))).toEqual(new Array(4).fill('request_malformed'))
  })
})
