import { randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto'
import { decodeBase64url, SEAL_BYTES, sealOf } from '@countermark/core/internal'

/** How long a nonce that we issued is recognised. It is claimed elsewhere, like any other nonce: claim-proof.ts. */
export interface NonceRule {
  readonly nonceSeconds: number
  /** How far apart the clocks of two processes may be. */
  readonly futureSkewSeconds: number
}

const LABEL = 'countermark nonce'
/** Time in milliseconds, 48 bits, and 128 random bits; then the seal of both. */
const TIME_BYTES = 6
const SEALED_BYTES = TIME_BYTES + 16
const TOTAL_BYTES = SEALED_BYTES + SEAL_BYTES

/**
 * A nonce that every holder of the secret recognises without having stored it: 51 characters. It is claimed like any other
 * nonce.
 */
export function createNonce(secret: Uint8Array, nowMs: number, draw: RandomDraw = randomBytes): string {
  const nonce = Buffer.allocUnsafe(TOTAL_BYTES)
  nonce.writeUIntBE(Math.max(0, Math.floor(nowMs)), 0, TIME_BYTES)
  nonce.set(draw(SEALED_BYTES - TIME_BYTES), TIME_BYTES)
  nonce.write(sealOf(secret, LABEL, nonce.subarray(0, SEALED_BYTES)), SEALED_BYTES, 'latin1')
  return nonce.toString('base64url')
}

/** Whether a nonce was made with this secret, not longer ago than the rule says. */
export function recognisesNonce(nonce: string, secret: Uint8Array, rule: NonceRule, nowMs: number): boolean {
  if (nonce.length !== Math.ceil((TOTAL_BYTES * 4) / 3)) return false
  const bytes = decodeBase64url(nonce)
  if (bytes?.length !== TOTAL_BYTES) return false
  const expected = Buffer.from(sealOf(secret, LABEL, bytes.subarray(0, SEALED_BYTES)), 'latin1')
  if (!timingSafeEqual(expected, bytes.subarray(SEALED_BYTES))) return false
  const ageMs = nowMs - bytes.readUIntBE(0, TIME_BYTES)
  return ageMs <= rule.nonceSeconds * 1000 && ageMs >= -rule.futureSkewSeconds * 1000
}

/** Draws random bytes; what is returned is good until the next draw. */
export type RandomDraw = (size: number) => Uint8Array

const DRAWN_AT_ONCE = 2048

/** Asks the generator once for many nonces, which costs as much as asking for one. Each byte is given out once. */
export function createRandomDraw(): RandomDraw {
  const drawn = Buffer.alloc(DRAWN_AT_ONCE)
  let at = drawn.length
  return (size) => {
    if (at + size > drawn.length) {
      randomFillSync(drawn)
      at = 0
    }
    at += size
    return drawn.subarray(at - size, at)
  }
}
