import { randomFillSync } from 'node:crypto'

/** 96 bits under a secret of this process, of texts of one byte in each character. One array serves every call. */
export type Fingerprint = (scheme: string, thumbprint: string, kind: string, last: string) => Uint32Array

/**
 * Two HalfSipHash-2-4 side by side (Aumasson and Bernstein), under keys that nobody outside knows: for a memory that never
 * leaves the process a hash that must hold against everybody forever would cost five times as much.
 */
export function createFingerprint(): Fingerprint {
  const [k0 = 0, k1 = 0, m0 = 0, m1 = 0] = randomFillSync(new Int32Array(4))
  const out = new Uint32Array(3)
  return (scheme, thumbprint, kind, last) => {
    let a0 = k0
    let a1 = k1
    let a2 = 0x6c796765 ^ k0
    let a3 = 0x74656462 ^ k1 ^ 0xee
    let b0 = m0
    let b1 = m1
    let b2 = 0x6c796765 ^ m0
    let b3 = 0x74656462 ^ m1 ^ 0xee
    a1 ^= 0xee
    b1 ^= 0xee
    // The lengths first: no two sets of parts are written alike.
    const head = `${scheme.length}.${thumbprint.length}.${last.length}.`
    const text = head + scheme + thumbprint + kind + last
    const { length } = text
    for (let at = 0; at < length + 1; at += 4) {
      const word =
        (at < length ? text.charCodeAt(at) : 0x80) |
        ((at + 1 < length ? text.charCodeAt(at + 1) : at + 1 === length ? 0x80 : 0) << 8) |
        ((at + 2 < length ? text.charCodeAt(at + 2) : at + 2 === length ? 0x80 : 0) << 16) |
        ((at + 3 < length ? text.charCodeAt(at + 3) : at + 3 === length ? 0x80 : 0) << 24)
      a3 ^= word
      b3 ^= word
      for (let round = 0; round < 2; round++) {
        a0 = (a0 + a1) | 0
        a1 = ((a1 << 5) | (a1 >>> 27)) ^ a0
        a0 = (a0 << 16) | (a0 >>> 16)
        a2 = (a2 + a3) | 0
        a3 = ((a3 << 8) | (a3 >>> 24)) ^ a2
        a0 = (a0 + a3) | 0
        a3 = ((a3 << 7) | (a3 >>> 25)) ^ a0
        a2 = (a2 + a1) | 0
        a1 = ((a1 << 13) | (a1 >>> 19)) ^ a2
        a2 = (a2 << 16) | (a2 >>> 16)
        b0 = (b0 + b1) | 0
        b1 = ((b1 << 5) | (b1 >>> 27)) ^ b0
        b0 = (b0 << 16) | (b0 >>> 16)
        b2 = (b2 + b3) | 0
        b3 = ((b3 << 8) | (b3 >>> 24)) ^ b2
        b0 = (b0 + b3) | 0
        b3 = ((b3 << 7) | (b3 >>> 25)) ^ b0
        b2 = (b2 + b1) | 0
        b1 = ((b1 << 13) | (b1 >>> 19)) ^ b2
        b2 = (b2 << 16) | (b2 >>> 16)
      }
      a0 ^= word
      b0 ^= word
    }
    a2 ^= 0xee
    b2 ^= 0xee
    for (let round = 0; round < 4; round++) {
      a0 = (a0 + a1) | 0
      a1 = ((a1 << 5) | (a1 >>> 27)) ^ a0
      a0 = (a0 << 16) | (a0 >>> 16)
      a2 = (a2 + a3) | 0
      a3 = ((a3 << 8) | (a3 >>> 24)) ^ a2
      a0 = (a0 + a3) | 0
      a3 = ((a3 << 7) | (a3 >>> 25)) ^ a0
      a2 = (a2 + a1) | 0
      a1 = ((a1 << 13) | (a1 >>> 19)) ^ a2
      a2 = (a2 << 16) | (a2 >>> 16)
      b0 = (b0 + b1) | 0
      b1 = ((b1 << 5) | (b1 >>> 27)) ^ b0
      b0 = (b0 << 16) | (b0 >>> 16)
      b2 = (b2 + b3) | 0
      b3 = ((b3 << 8) | (b3 >>> 24)) ^ b2
      b0 = (b0 + b3) | 0
      b3 = ((b3 << 7) | (b3 >>> 25)) ^ b0
      b2 = (b2 + b1) | 0
      b1 = ((b1 << 13) | (b1 >>> 19)) ^ b2
      b2 = (b2 << 16) | (b2 >>> 16)
    }
    out[0] = a1 ^ a3
    out[1] = b1 ^ b3
    out[2] = a0 ^ a2 ^ b0
    return out
  }
}
