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

const FIELD_PRIME = (1n << 255n) - 19n

const FIRST_BYTES: ReadonlySet<number> = new Set([...SMALL_ORDER].map((hex) => Number.parseInt(hex.slice(0, 2), 16)))

/** Whether 32 bytes encode a point of small order in any of its 14 encodings. */
export function isSmallOrder(point: Uint8Array): boolean {
  // Asked for each signature: the first byte alone settles nearly all of them.
  return FIRST_BYTES.has(point[0] ?? -1) && SMALL_ORDER.has(withoutSign(point).toString('hex'))
}

/** Whether the y coordinate is below the field prime (RFC 8032 section 5.1.3). */
export function isCanonicalPoint(point: Uint8Array): boolean {
  return BigInt(`0x${withoutSign(point).reverse().toString('hex')}`) < FIELD_PRIME
}

const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/** Whether the bytes decode to a point of the curve: `x² = (y² - 1) / (d·y² + 1)` has a solution (RFC 8032 section 5.1.3). */
export function isOnCurve(point: Uint8Array): boolean {
  const y = BigInt(`0x${withoutSign(point).reverse().toString('hex')}`)
  const ySquared = (y * y) % FIELD_PRIME
  const numerator = (ySquared - 1n + FIELD_PRIME) % FIELD_PRIME
  const denominator = (D * ySquared + 1n) % FIELD_PRIME
  // A product is a square where the ratio is, and needs no inversion. The denominator is never 0, because -1/d is no square.
  const product = (numerator * denominator) % FIELD_PRIME
  return product === 0n || power(product, (FIELD_PRIME - 1n) / 2n) === 1n
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = base
  for (let bits = exponent; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = (result * square) % FIELD_PRIME
    square = (square * square) % FIELD_PRIME
  }
  return result
}

function withoutSign(point: Uint8Array): Buffer {
  const bytes = Buffer.from(point)
  bytes[31] = (bytes[31] as number) & 0x7f
  return bytes
}
