import { createHmac, timingSafeEqual } from 'node:crypto'
import { decodeBase64url } from '@countermark/core/internal'

/** Nonces that a DPoP proof must carry (RFC 9449 section 9), recognised without having been stored. */
export interface DpopNonces {
  /** The nonce of now; `inner` travels along and comes back from {@link DpopNonces.read}. */
  readonly issue: (nowMs: number, inner: string | undefined) => string
  /** `undefined` for a nonce that is not ours or too old. */
  readonly read: (nonce: string, nowMs: number) => ReadNonce | undefined
}

/** A nonce that was recognised. */
export interface ReadNonce {
  /** Unix seconds. */
  readonly issuedAt: number
  readonly inner: string | undefined
}

const TIME_BYTES = 6
const MAC_BYTES = 16

/** Makes nonces of one secret. A nonce may be used again while it is young; each proof still counts once by its `jti`. */
export function createDpopNonces(secret: Uint8Array, lifetimeSeconds: number): DpopNonces {
  const seal = (time: Uint8Array): Buffer =>
    createHmac('sha256', secret).update('countermark dpop nonce').update(time).digest().subarray(0, MAC_BYTES)
  return {
    issue: (nowMs, inner) => {
      const time = Buffer.alloc(TIME_BYTES)
      time.writeUIntBE(Math.max(0, Math.floor(nowMs / 1000)), 0, TIME_BYTES)
      const nonce = Buffer.concat([time, seal(time)]).toString('base64url')
      return inner === undefined ? nonce : `${nonce}.${inner}`
    },
    read: (nonce, nowMs) => {
      const dot = nonce.indexOf('.')
      const bytes = decodeBase64url(dot < 0 ? nonce : nonce.slice(0, dot))
      if (bytes?.length !== TIME_BYTES + MAC_BYTES) return undefined
      const time = bytes.subarray(0, TIME_BYTES)
      if (!timingSafeEqual(seal(time), bytes.subarray(TIME_BYTES))) return undefined
      const issuedAt = time.readUIntBE(0, TIME_BYTES)
      const age = nowMs / 1000 - issuedAt
      // Another process that shares the secret may have a clock that is slightly ahead.
      if (!(age <= lifetimeSeconds && age >= -MAX_AHEAD_SECONDS)) return undefined
      return { issuedAt, inner: dot < 0 ? undefined : nonce.slice(dot + 1) }
    },
  }
}

const MAX_AHEAD_SECONDS = 30
