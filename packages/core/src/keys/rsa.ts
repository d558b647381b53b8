import { createPublicKey, type KeyObject } from 'node:crypto'
import { Refusal } from '../refusal/refusal.ts'

/**
 * An RSA key that says it is for RSASSA-PSS alone (RFC 4055 section 1.2), as the plain RSA key that it is: Node can neither
 * write it as a JWK nor compare it. Use it for PSS alone.
 * @throws {@link Refusal} `key_invalid` when its parameters forbid SHA-512 with a salt of 64 bytes
 */
export function openPssKey(key: KeyObject): KeyObject {
  const { hashAlgorithm, mgf1HashAlgorithm, saltLength = 0 } = key.asymmetricKeyDetails ?? {}
  const isFit = [hashAlgorithm, mgf1HashAlgorithm].every((name) => name === undefined || name === 'sha512')
  if (!isFit || saltLength > 64) {
    throw new Refusal('key_invalid', 'the RSASSA-PSS key allows another hash or salt than rsa-pss-sha512 uses')
  }
  const bits = lastBitString(key.export({ type: 'spki', format: 'der' }))
  return createPublicKey({ key: bits, format: 'der', type: 'pkcs1' })
}

const BIT_STRING = 0x03

/** SubjectPublicKeyInfo is a sequence of the algorithm and, last, the bit string of an RSAPublicKey (RFC 5280 section 4.1). */
function lastBitString(spki: Buffer): Buffer {
  const algorithmAt = contentAt(spki, 0)
  const bitsAt = contentAt(spki, algorithmAt) + lengthAt(spki, algorithmAt)
  if (spki[bitsAt] !== BIT_STRING) throw new Refusal('key_invalid', 'the RSASSA-PSS key cannot be read')
  // The first byte counts unused bits: none.
  return spki.subarray(contentAt(spki, bitsAt) + 1)
}

/** Where the content of the DER element at an offset begins. */
function contentAt(der: Buffer, offset: number): number {
  const first = der[offset + 1] ?? 0
  return offset + 2 + (first < 0x80 ? 0 : first & 0x7f)
}

/** How long that content is. */
function lengthAt(der: Buffer, offset: number): number {
  const first = der[offset + 1] ?? 0
  return first < 0x80 ? first : der.readUIntBE(offset + 2, first & 0x7f)
}

/** Small primes for which few residues are powers of 65537. */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]

const POWERS: readonly (readonly [prime: bigint, residues: ReadonlySet<bigint>])[] = PRIMES.map((prime) => {
  return [BigInt(prime), powersOf(65_537n, BigInt(prime))]
})

/**
 * Whether an RSA modulus looks like one of the chips whose keys can be factored (ROCA, CVE-2017-15361): all of their primes
 * are built from powers of 65537, which shows modulo each small prime. Of honest keys one in 2^27 looks so.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return POWERS.every(([prime, residues]) => residues.has(modulus % prime))
}

function powersOf(base: bigint, prime: bigint): ReadonlySet<bigint> {
  const residues = new Set<bigint>()
  for (let power = 1n; !residues.has(power); power = (power * base) % prime) residues.add(power)
  return residues
}
