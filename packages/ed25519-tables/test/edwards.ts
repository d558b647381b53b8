/** The curve in BigInt, independent of what is tested: for keys and signatures that no library makes. */
const P = 2n ** 255n - 19n
/** The order of the base point. */
export const ORDER: bigint = 2n ** 252n + 27742317777372353535851937790883648493n
const D = modulo(-121665n * power(121666n, P - 2n))

/** X, Y, Z and T, as in RFC 8032 section 5.1.4. */
export type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

/** Of order 1. */
export const NEUTRAL: Point = [0n, 1n, 1n, 0n]
/** The base point. */
export const BASE: Point = decode(Buffer.from(`58${'66'.repeat(31)}`, 'hex'))
/** The eight points whose order divides 8; the one at index i is i times the first of order 8. */
export const SMALL_ORDER: readonly Point[] = multiplesOf(
  decode(Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')),
)

function multiplesOf(point: Point): readonly Point[] {
  return Array.from({ length: 8 }, (_, times) => multiply(BigInt(times), point))
}

/** The sum of two points. */
export function add([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = modulo((y1 - x1) * (y2 - x2))
  const b = modulo((y1 + x1) * (y2 + x2))
  const c = modulo(2n * t1 * D * t2)
  const d = modulo(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)]
}

/** A multiple of a point. */
export function multiply(scalar: bigint, point: Point): Point {
  let [sum, double] = [NEUTRAL, point]
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, double)
    double = add(double, double)
  }
  return sum
}

/** The 32 bytes of a point. */
export function encode([x, y, z]: Point): Buffer {
  const inverse = power(z, P - 2n)
  const bytes = toBytes(modulo(y * inverse))
  bytes[31] = (bytes[31] as number) | (Number(modulo(x * inverse) & 1n) << 7)
  return bytes
}

function decode(bytes: Buffer): Point {
  const y = toNumber(bytes) & (2n ** 255n - 1n)
  const [u, v] = [modulo(y * y - 1n), modulo(D * y * y + 1n)]
  const root = modulo(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n))
  const x = modulo(v * root * root) === u ? root : modulo(root * power(2n, (P - 1n) / 4n))
  const signed = Number(x & 1n) === (bytes[31] as number) >> 7 ? x : modulo(-x)
  return [signed, y, 1n, modulo(signed * y)]
}

/** Little-endian. */
export function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

/** 32 bytes, little-endian. */
export function toBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, modulo(base)]
  for (let bits = exponent; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = modulo(result * square)
    square = modulo(square * square)
  }
  return result
}

function modulo(number: bigint): bigint {
  const rest = number % P
  return rest < 0n ? rest + P : rest
}
