import { addSmall, jacobiSymbol, multiply, toFieldElement } from './field-25519.ts'

/**
 * The encodings, canonical or not, of the eight points of small order, as hex without the sign bit. Under such a key a
 * signature can be made without any private key (RFC 8032 leaves their refusal to the application).
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

const FIRST_BYTES: ReadonlySet<number> = new Set([...SMALL_ORDER].map((hex) => Number.parseInt(hex.slice(0, 2), 16)))

/** Whether 32 bytes encode a point of small order in any of its 14 encodings. */
export function isSmallOrder(point: Uint8Array): boolean {
  // Asked for each signature: the first byte alone settles nearly all of them.
  return FIRST_BYTES.has(point[0] ?? -1) && SMALL_ORDER.has(withoutSign(point).toString('hex'))
}

/** Whether the y coordinate is below the field prime, 2^255 - 19 (RFC 8032 section 5.1.3). */
export function isCanonicalPoint(point: Uint8Array): boolean {
  if ((point[0] as number) < 0xed || ((point[31] as number) & 0x7f) !== 0x7f) return true
  for (let index = 1; index < 31; index++) if (point[index] !== 0xff) return true
  return false
}

/** -121665 / 121666 modulo the field prime (RFC 8032 section 5.1). */
const D = toFieldElement(Buffer.from('a3785913ca4deb75abd841414d0a700098e879777940c78c73fe6f2bee6c0352', 'hex'))

/** Whether the bytes decode to a point of the curve: `x² = (y² - 1) / (d·y² + 1)` has a solution (RFC 8032 section 5.1.3). */
export function isOnCurve(point: Uint8Array): boolean {
  const y = toFieldElement(point)
  const ySquared = multiply(y, y)
  const numerator = addSmall(ySquared, -1)
  const denominator = addSmall(multiply(D, ySquared), 1)
  // A product is a square where the ratio is, and needs no inversion. The denominator is never 0, because -1/d is no square.
  return jacobiSymbol(multiply(numerator, denominator)) !== -1
}

function withoutSign(point: Uint8Array): Buffer {
  const bytes = Buffer.from(point)
  bytes[31] = (bytes[31] as number) & 0x7f
  return bytes
}
