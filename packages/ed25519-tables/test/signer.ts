import { createHash } from 'node:crypto'
import type { AgentKey } from '@countermark/core'
import { add, BASE, encode, multiply, ORDER, type Point, SMALL_ORDER, toBytes, toNumber } from './edwards.ts'
import { rawKey } from './raw-key.ts'

/** A private scalar, with its public key and the seven keys that differ from it by a point of small order. */
export interface Signer {
  readonly scalar: bigint
  /** The key at index i has the i-th point of small order in it. */
  readonly keys: readonly AgentKey[]
}

/** A secret number of a signature, with the eight R that differ by a point of small order. */
export interface Nonce {
  readonly scalar: bigint
  readonly points: readonly Buffer[]
}

/** Makes a signer of any scalar. */
export function createSigner(scalar: bigint): Signer {
  return { scalar, keys: shifted(multiply(scalar, BASE)).map(rawKey) }
}

/** Makes a nonce of any scalar; of 0, every R has small order. */
export function createNonce(scalar: bigint): Nonce {
  return { scalar, points: shifted(multiply(scalar, BASE)) }
}

function shifted(point: Point): readonly Buffer[] {
  return SMALL_ORDER.map((small) => encode(add(point, small)))
}

/** Signs (RFC 8032 section 5.1.6) for a key and with an R of these shifts. */
export function signShifted(signer: Signer, nonce: Nonce, data: Uint8Array, shifts: Shifts): Buffer {
  const key = signer.keys[shifts.key]?.rawPublicKey ?? new Uint8Array()
  const R = nonce.points[shifts.R] ?? Buffer.alloc(0)
  return Buffer.concat([R, toBytes((nonce.scalar + challengeOf(R, key, data) * signer.scalar) % ORDER)])
}

/** Whether such a signature holds without cofactor: S·B = R + k·A only where the parts of small order cancel. */
export function partsCancel(signer: Signer, nonce: Nonce, data: Uint8Array, shifts: Shifts): boolean {
  const key = signer.keys[shifts.key]?.rawPublicKey ?? new Uint8Array()
  const k = challengeOf(nonce.points[shifts.R] ?? new Uint8Array(), key, data)
  return (BigInt(shifts.R) + k * BigInt(shifts.key)) % 8n === 0n
}

/** Which point of small order is in the key, and which in R. */
export interface Shifts {
  readonly key: number
  readonly R: number
}

/** k of RFC 8032 section 5.1.7: SHA-512 of R, A and the message, modulo the order. */
export function challengeOf(R: Uint8Array, key: Uint8Array, data: Uint8Array): bigint {
  return toNumber(createHash('sha512').update(R).update(key).update(data).digest()) % ORDER
}
