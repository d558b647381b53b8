import { createPublicKey, type KeyObject } from 'node:crypto'
import { Refusal } from './refusal.ts'

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
