import { importPublicKey, isRefusal, isSmallOrder } from '../src/index.ts'
import { thrownBy } from './guarding.ts'

const ZERO = '00'.repeat(30)
const FULL = 'ff'.repeat(30)

/** All encodings of the eight points of small order, as Node imports them without complaint. */
const SMALL_ORDER = [
  `00${ZERO}00`,
  `00${ZERO}80`,
  `01${ZERO}00`,
  `01${ZERO}80`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  `ec${FULL}7f`,
  `ec${FULL}ff`,
  `ed${FULL}7f`,
  `ed${FULL}ff`,
  `ee${FULL}7f`,
  `ee${FULL}ff`,
]

function refusalOf(hex: string, form: 'jwk' | 'raw'): string | undefined {
  const bytes = Buffer.from(hex, 'hex')
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }
  const error = thrownBy(() => importPublicKey(form === 'jwk' ? jwk : bytes.toString('base64')))
  return isRefusal(error) ? `${error.code}: ${error.message}` : undefined
}

describe('an attacker', () => {
  it.each(SMALL_ORDER)('cannot register the point of small order %s', (hex) => {
    expect(isSmallOrder(Buffer.from(hex, 'hex'))).toBe(true)
    expect(refusalOf(hex, 'jwk')).toBe('key_invalid: the Ed25519 point has small order')
    expect(refusalOf(hex, 'raw')).toBe('key_invalid: the Ed25519 point has small order')
  })

  it.each([
    ['y = p + 3', `f0${FULL}7f`],
    ['y = p + 18, the largest', `ff${FULL}7f`],
    ['y = p + 5 with the sign bit', `f2${FULL}ff`],
  ])('cannot register a second encoding of a point: %s', (_name, hex) => {
    expect(refusalOf(hex, 'jwk')).toBe('key_invalid: the Ed25519 point is not canonical')
  })

  it.each(['07', '0b', '02'])('cannot register bytes that are no point: y = %s', (first) => {
    expect(refusalOf(`${first}${ZERO}00`, 'jwk')).toBe('key_invalid: the bytes are no point of the curve')
  })
})

describe('the check for small order', () => {
  it('lets other points pass', () => {
    expect(isSmallOrder(Buffer.from(`03${ZERO}00`, 'hex'))).toBe(false)
  })

  it('leaves the bytes as they are', () => {
    const bytes = Buffer.from(`01${ZERO}80`, 'hex')
    isSmallOrder(bytes)
    expect(bytes[31]).toBe(0x80)
  })
})
