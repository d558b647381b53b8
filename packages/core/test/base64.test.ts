import fc from 'fast-check'
import { decodeBase64, decodeBase64url } from '../src/index.ts'

const BYTES = Buffer.from('fbff00', 'hex')

describe('decodeBase64', () => {
  it('reads the one canonical spelling', () => {
    expect([decodeBase64('+/8A'), decodeBase64('+/8='), decodeBase64('+w=='), decodeBase64('')]).toEqual([
      BYTES,
      BYTES.subarray(0, 2),
      BYTES.subarray(0, 1),
      Buffer.alloc(0),
    ])
  })

  it.each([
    ['unused bits that are not zero', '+x=='],
    ['missing padding', '+w'],
    ['too much padding', '+w==='],
    ['the alphabet of base64url', '-_8A'],
    ['white space inside', '+/ 8A'],
    ['a line break behind', '+/8A\n'],
    ['characters of no alphabet', '+/8A!'],
    ['padding in the middle', '+w==+w=='],
    ['a full-width letter', '+/8\uff21'],
  ])('refuses %s', (_name, text) => {
    expect(decodeBase64(text)).toBeUndefined()
  })
})

describe('decodeBase64url', () => {
  it('reads the one canonical spelling', () => {
    expect([decodeBase64url('-_8A'), decodeBase64url('-_8'), decodeBase64url('-w')]).toEqual([
      BYTES,
      BYTES.subarray(0, 2),
      BYTES.subarray(0, 1),
    ])
  })

  it.each(['-x', '-w==', '+/8A', '-_8A\n', ' -_8A', 'A', '-_8\u0000'])('refuses %j', (text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })
})

describe('for any bytes', () => {
  it.each([
    ['base64', decodeBase64],
    ['base64url', decodeBase64url],
  ] as const)('what %s says is read back', (encoding, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        return decode(Buffer.from(bytes).toString(encoding))?.equals(bytes) === true
      }),
    )
  })

  it.each([
    ['base64', decodeBase64],
    ['base64url', decodeBase64url],
  ] as const)('no second %s spelling says the same', (encoding, decode) => {
    const characters = fc.constantFrom(...'AQgwx+/-_=\n ')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        const bytes = decode(text)
        return bytes === undefined || bytes.toString(encoding) === text
      }),
      { numRuns: 2000 },
    )
  })
})
