import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeBase64url } from '@countermark/core'
import type { RandomDraw } from './random-draw.ts'

/** How long a nonce of ours is recognised. */
export interface NonceRule {
  readonly nonceSeconds: number
  /** How far apart the clocks of two processes may be. */
  readonly futureSkewSeconds: number
}

/** Time in milliseconds, 48 bits, and 128 random bits; then half of an HMAC-SHA256 over both. */
const TIME_BYTES = 6
const SEALED_BYTES = TIME_BYTES + 16
const TOTAL_BYTES = SEALED_BYTES + 16

/**
 * A nonce that whoever holds the secret recognises without having stored it: 51 characters. It is used up by the claim,
 * like any other nonce.
 */
export function createNonce(secret: Uint8Array, nowMs: number, draw: RandomDraw = randomBytes): string {
  const nonce = Buffer.allocUnsafe(TOTAL_BYTES)
  nonce.writeUIntBE(Math.max(0, Math.floor(nowMs)), 0, TIME_BYTES)
  nonce.set(draw(SEALED_BYTES - TIME_BYTES), TIME_BYTES)
  seal(secret, nonce.subarray(0, SEALED_BYTES)).copy(nonce, SEALED_BYTES)
  return nonce.toString('base64url')
}

/** Whether a nonce was made with this secret, not longer ago than the rule says. */
export function recognisesNonce(nonce: string, secret: Uint8Array, rule: NonceRule, nowMs: number): boolean {
  if (nonce.length !== Math.ceil((TOTAL_BYTES * 4) / 3)) return false
  const bytes = decodeBase64url(nonce)
  if (bytes?.length !== TOTAL_BYTES) return false
  const expected = seal(secret, bytes.subarray(0, SEALED_BYTES))
  if (!timingSafeEqual(expected, bytes.subarray(SEALED_BYTES))) return false
  const ageMs = nowMs - bytes.readUIntBE(0, TIME_BYTES)
  return ageMs <= rule.nonceSeconds * 1000 && ageMs >= -rule.futureSkewSeconds * 1000
}

function seal(secret: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', secret).update('countermark nonce').update(bytes).digest().subarray(0, 16)
}
