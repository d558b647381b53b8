/**
 * An element of the field of integers modulo 2^255 - 19: 16 limbs of 16 bits, the lowest first, below 2^256. Limbs, because
 * the same in `bigint` costs more than the verification of a signature.
 */
export type FieldElement = Int32Array

const LIMBS = 16
const LIMB_BITS = 16
const RADIX = 2 ** LIMB_BITS
const MASK = RADIX - 1

/** 2^256 modulo the prime: what a carry out of the highest limb is worth in the lowest. */
const WRAP = 38

const PRIME: FieldElement = new Int32Array(LIMBS).fill(MASK)
PRIME[0] = 0xffed
PRIME[LIMBS - 1] = 0x7fff

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

/** Reads 32 bytes, the lowest first, without their highest bit. */
export function toFieldElement(bytes: Uint8Array): FieldElement {
  const limbs = new Int32Array(LIMBS)
  for (let index = 0; index < LIMBS; index++) {
    limbs[index] = (bytes[2 * index] as number) | ((bytes[2 * index + 1] as number) << 8)
  }
  limbs[LIMBS - 1] = (limbs[LIMBS - 1] as number) & 0x7fff
  return limbs
}

/** The product of two elements. */
export function multiply(one: FieldElement, other: FieldElement): FieldElement {
  // Doubles hold each column exactly: 16 products of 32 bits, and 38 times as much, are below 2^42.
  const columns = new Float64Array(2 * LIMBS)
  for (let row = 0; row < LIMBS; row++) {
    const limb = one[row] as number
    for (let index = 0; index < LIMBS; index++) {
      columns[row + index] = (columns[row + index] as number) + limb * (other[index] as number)
    }
  }
  for (let index = 0; index < LIMBS; index++) {
    columns[index] = (columns[index] as number) + WRAP * (columns[index + LIMBS] as number)
  }
  return carry(columns)
}

/** An element and a small whole number, which may be negative. */
export function addSmall(element: FieldElement, small: number): FieldElement {
  const columns = new Float64Array(LIMBS)
  // With the prime on top the sum is not negative; the lowest limb may be, and borrows.
  for (let index = 0; index < LIMBS; index++) columns[index] = (element[index] as number) + (PRIME[index] as number)
  columns[0] = (columns[0] as number) + small
  return carry(columns)
}

function carry(columns: Float64Array): FieldElement {
  const limbs = new Int32Array(LIMBS)
  let over = 0
  for (let index = 0; index < LIMBS; index++) {
    const column = (columns[index] as number) + over
    over = Math.floor(column / RADIX)
    limbs[index] = column - over * RADIX
  }
  while (over > 0) {
    over *= WRAP
    for (let index = 0; index < LIMBS && over > 0; index++) {
      const column = (limbs[index] as number) + over
      over = Math.floor(column / RADIX)
      limbs[index] = column - over * RADIX
    }
  }
  return limbs
}

/** A number that is taken apart in place, in limbs of 30 bits: few of them, and a difference of two fits 32 bits. */
interface Digits {
  readonly limbs: Int32Array
  /** Limbs up to the highest one that is not zero. */
  length: number
}

const WIDE_LIMBS = 9
const WIDE_BITS = 30
const WIDE_MASK = 2 ** WIDE_BITS - 1

/**
 * The Jacobi symbol of an element over the prime: 1 for a square, -1 for none, 0 for zero. By the binary algorithm: the law
 * of quadratic reciprocity, with halving in place of division (Cohen, A Course in Computational Algebraic Number Theory,
 * section 1.4.2). How long it takes depends on the element, which is public.
 */
export function jacobiSymbol(element: FieldElement): -1 | 0 | 1 {
  let upper = digitsOf(element)
  let lower = digitsOf(PRIME)
  // Odd once the symbol has changed its sign an odd number of times.
  let signs = halve(upper, lower)
  while (upper.length > 0) {
    if (isLess(upper, lower)) {
      signs ^= bothAreThreeModuloFour(upper, lower)
      const swapped = upper
      upper = lower
      lower = swapped
    }
    subtract(upper, lower)
    signs ^= halve(upper, lower)
  }
  if (lower.length !== 1 || lower.limbs[0] !== 1) return 0
  return signs === 0 ? 1 : -1
}

function digitsOf(element: FieldElement): Digits {
  const limbs = new Int32Array(WIDE_LIMBS)
  for (let index = 0; index < WIDE_LIMBS; index++) {
    const bit = index * WIDE_BITS
    const at = Math.floor(bit / LIMB_BITS)
    const shift = bit % LIMB_BITS
    const [first, second, third] = [element[at] ?? 0, element[at + 1] ?? 0, element[at + 2] ?? 0]
    // The third limb moves in two steps: a number that is moved by 32 bits at once stays where it is.
    const bits = (first >> shift) | (second << (LIMB_BITS - shift)) | ((third << (LIMB_BITS - shift)) << LIMB_BITS)
    limbs[index] = bits & WIDE_MASK
  }
  return trimmed({ limbs, length: WIDE_LIMBS })
}

function trimmed(digits: Digits): Digits {
  const { limbs } = digits
  let { length } = digits
  while (length > 0 && limbs[length - 1] === 0) length--
  digits.length = length
  return digits
}

/** Divides a number by two until it is odd. 1 when that changes the sign of its symbol over the other one. */
function halve(digits: Digits, over: Digits): 0 | 1 {
  const { limbs } = digits
  // A whole limb is an even number of halvings.
  while (limbs[0] === 0 && digits.length > 0) {
    limbs.copyWithin(0, 1, digits.length)
    limbs[--digits.length] = 0
  }
  const lowest = limbs[0] as number
  if ((lowest & 1) === 1 || digits.length === 0) return 0
  const twos = 31 - Math.clz32(lowest & -lowest)
  const rest = WIDE_BITS - twos
  const last = digits.length - 1
  for (let index = 0; index < last; index++) {
    limbs[index] = ((limbs[index] as number) >> twos) | (((limbs[index + 1] as number) << rest) & WIDE_MASK)
  }
  limbs[last] = (limbs[last] as number) >> twos
  trimmed(digits)
  // 2 is a square modulo 1 and 7 modulo 8, and none modulo 3 and 5.
  const eighth = (over.limbs[0] as number) & 7
  return (twos & 1) === 1 && (eighth === 3 || eighth === 5) ? 1 : 0
}

function isLess(one: Digits, other: Digits): boolean {
  if (one.length !== other.length) return one.length < other.length
  let index = one.length - 1
  while (index > 0 && one.limbs[index] === other.limbs[index]) index--
  return (one.limbs[index] as number) < (other.limbs[index] as number)
}

/** Takes a number away from one that is not less. */
function subtract(from: Digits, other: Digits): void {
  const { limbs, length } = from
  const taken = other.limbs
  let borrow = 0
  for (let index = 0; index < length; index++) {
    const limb = (limbs[index] as number) - (taken[index] as number) + borrow
    limbs[index] = limb & WIDE_MASK
    borrow = limb >> WIDE_BITS
  }
  trimmed(from)
}

function bothAreThreeModuloFour(one: Digits, other: Digits): 0 | 1 {
  return ((one.limbs[0] as number) & (other.limbs[0] as number) & 3) === 3 ? 1 : 0
}
