import { hash } from 'node:crypto'

/** The length of a seal. */
export const SEAL_BYTES = 16

const BLOCK_BYTES = 64
const HASH_BYTES = 32

/**
 * The first half of HMAC-SHA256 (RFC 2104) over a label and data, a character for each byte: what a server puts behind a value
 * to recognise it later without having stored it. By two one-shot hashes: an object of `createHmac` takes three times as long,
 * and strangers make us seal a nonce for every refusal. Compare seals in constant time.
 */
export function sealOf(secret: Uint8Array, label: string, data: Uint8Array): string {
  const key = secret.length > BLOCK_BYTES ? Buffer.from(hash('sha256', secret, 'binary'), 'latin1') : secret
  const inner = Buffer.alloc(BLOCK_BYTES + label.length + data.length, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES, 0x5c)
  for (let index = 0; index < key.length; index++) {
    const byte = key[index] as number
    inner[index] = byte ^ 0x36
    outer[index] = byte ^ 0x5c
  }
  inner.write(label, BLOCK_BYTES, 'latin1')
  inner.set(data, BLOCK_BYTES + label.length)
  outer.write(hash('sha256', inner, 'binary'), BLOCK_BYTES, 'latin1')
  return hash('sha256', outer, 'binary').slice(0, SEAL_BYTES)
}
