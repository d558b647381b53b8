import { timingSafeEqual } from 'node:crypto'
import { decodeBase64url, SEAL_BYTES, sealOf } from '@countermark/core/internal'

/** A nonce that was recognised. */
interface ReadNonce {
  /** Unix seconds. */
  readonly issuedAt: number
  readonly inner: string | undefined
}

const TIME_BYTES = 6
/** Another process that shares the secret may have a clock that is slightly ahead. */
const MAX_AHEAD_SECONDS = 30

/**
 * Nonces that a DPoP proof must carry (RFC 9449 section 9), recognised by a secret without having been stored. One may be used
 * again while it is young; each proof still counts once by its `jti`.
 */
export class DpopNonces {
  readonly #secret: Uint8Array
  readonly #lifetimeSeconds: number

  constructor(secret: Uint8Array, lifetimeSeconds: number) {
    this.#secret = secret
    this.#lifetimeSeconds = lifetimeSeconds
  }

  /** The nonce of now; `inner` travels along and comes back from {@link DpopNonces.read}. */
  issue(nowMs: number, inner: string | undefined): string {
    const time = Buffer.alloc(TIME_BYTES)
    time.writeUIntBE(Math.max(0, Math.floor(nowMs / 1000)), 0, TIME_BYTES)
    const nonce = Buffer.concat([time, this.#seal(time)]).toString('base64url')
    return inner === undefined ? nonce : `${nonce}.${inner}`
  }

  /** `undefined` for a nonce that is not ours or too old. */
  read(nonce: string, nowMs: number): ReadNonce | undefined {
    const dot = nonce.indexOf('.')
    const bytes = decodeBase64url(dot < 0 ? nonce : nonce.slice(0, dot))
    if (bytes?.length !== TIME_BYTES + SEAL_BYTES) return undefined
    const time = bytes.subarray(0, TIME_BYTES)
    if (!timingSafeEqual(this.#seal(time), bytes.subarray(TIME_BYTES))) return undefined
    const issuedAt = time.readUIntBE(0, TIME_BYTES)
    const age = nowMs / 1000 - issuedAt
    if (!(age <= this.#lifetimeSeconds && age >= -MAX_AHEAD_SECONDS)) return undefined
    return { issuedAt, inner: dot < 0 ? undefined : nonce.slice(dot + 1) }
  }

  #seal(time: Uint8Array): Buffer {
    return Buffer.from(sealOf(this.#secret, 'countermark dpop nonce', time), 'latin1')
  }
}
