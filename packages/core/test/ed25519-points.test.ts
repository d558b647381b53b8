import { createHash, generateKeyPairSync } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { importPublicKey, isRefusal } from '../src/index.ts'
import { isSmallOrder } from '../src/internal.ts'
import { isCanonicalPoint, isOnCurve } from '../src/keys/points.ts'
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

const PRIME = (1n << 255n) - 19n
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/** The same by the book, in whole numbers of any size. */
function judgeByTheBook(point: Uint8Array): { readonly isCanonical: boolean; readonly isOnCurve: boolean } {
  const y = BigInt(`0x${Buffer.from(point).reverse().toString('hex')}`) & ((1n << 255n) - 1n)
  const ySquared = (y * y) % PRIME
  const product = (((ySquared - 1n + PRIME) % PRIME) * ((D * ySquared + 1n) % PRIME)) % PRIME
  return { isCanonical: y < PRIME, isOnCurve: product === 0n || power(product, (PRIME - 1n) / 2n) === 1n }
}

function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n
  const half = power((base * base) % PRIME, exponent >> 1n)
  return (exponent & 1n) === 1n ? (half * base) % PRIME : half
}

function judge(point: Uint8Array): ReturnType<typeof judgeByTheBook> {
  return { isCanonical: isCanonicalPoint(point), isOnCurve: isOnCurve(point) }
}

/** 32 bytes out of a counter; every seventh has a run of zeros, every eleventh one of ones. */
function pointOf(index: number): Uint8Array {
  const bytes = createHash('sha256').update(`point ${index}`).digest()
  if (index % 7 === 0) bytes.fill(0x00, index % 31)
  if (index % 11 === 0) bytes.fill(0xff, 1 + (index % 29))
  return bytes
}

describe('the test for points of the curve', () => {
  it('agrees with the textbook on 10,000 strings of bytes', () => {
    const points = Array.from({ length: 10_000 }, (_, index) => pointOf(index))
    expect(points.filter((point) => !isDeepStrictEqual(judge(point), judgeByTheBook(point)))).toEqual([])
    expect(points.filter(isOnCurve).length).toBeGreaterThan(4_000)
    expect(points.filter((point) => !isOnCurve(point)).length).toBeGreaterThan(4_000)
  }, 60_000)

  it('agrees with it on everything next to the edges', () => {
    const near = (edge: bigint): readonly bigint[] =>
      Array.from({ length: 64 }, (_, index) => edge - 32n + BigInt(index))
    const edges = [32n, PRIME, 1n << 254n, (1n << 255n) - 33n, 1n << 16n, 1n << 30n, 1n << 240n].flatMap(near)
    const signed = edges.flatMap((y) => [y, y | (1n << 255n)])
    const points = signed.map((y) => Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse())
    expect(points.filter((point) => !isDeepStrictEqual(judge(point), judgeByTheBook(point)))).toEqual([])
    expect(SMALL_ORDER.map((hex) => judge(Buffer.from(hex, 'hex')).isOnCurve)).toEqual(new Array(14).fill(true))
  })

  it('takes every key that is made', () => {
    const made = Array.from({ length: 50 }, () => generateKeyPairSync('ed25519').publicKey)
    expect(made.map((key) => importPublicKey(key).publicKey)).toEqual(made)
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
