import { randomBytes } from 'node:crypto'
import type { SendCommand } from '@countermark/core/internal'
import type { ForgottenTime } from '../fence.ts'

/**
 * Since when a server remembers, shared by all processes. It is one key: when it is gone, claims may be gone, too. It is kept
 * under the server's identity, so another server never takes it over.
 */
export interface Epoch {
  /** As it stands in Redis; unlike any other, because it holds the secret. */
  readonly text: string
  /** Unix milliseconds. */
  readonly beganAtMs: number
  readonly cause: ForgottenTime['cause']
  /** Seals the nonces that all processes issue. */
  readonly secret: Uint8Array
}

/** An epoch is read at least once a second while there are requests. One that was not read for so long expires. */
const UNUSED_MS = 30 * 24 * 3600 * 1000

const EPOCH = /^(start|loss)\.([0-9]{1,16})\.([A-Za-z0-9_-]{43})$/

/** A new epoch. */
export function createEpoch(beganAtMs: number, cause: Epoch['cause']): Epoch {
  return parseEpoch(`${cause}.${Math.floor(beganAtMs)}.${randomBytes(32).toString('base64url')}`)
}

/** Reads an epoch as it stands in Redis. */
export function parseEpoch(text: unknown): Epoch {
  const [, cause, beganAt = '', secret = ''] = typeof text === 'string' ? (EPOCH.exec(text) ?? []) : []
  if (typeof text !== 'string' || (cause !== 'start' && cause !== 'loss')) {
    throw new TypeError('the key of the epoch holds something else')
  }
  return { text, cause, beganAtMs: Number(beganAt), secret: Buffer.from(secret, 'base64url') }
}

/** The epoch that Redis has, or else the proposed one: the process that comes first sets it for all. */
export async function openEpoch(send: SendCommand, key: string, proposed: Epoch): Promise<Epoch> {
  const [, , text] = await Promise.all([
    send('SET', key, proposed.text, 'NX', 'PX', String(UNUSED_MS)),
    send('PEXPIRE', key, String(UNUSED_MS)),
    send('GET', key),
  ])
  return parseEpoch(text)
}

/** Puts an epoch in the place of one that is not worth its name any more. Other processes notice with their next claim. */
export async function replaceEpoch(send: SendCommand, key: string, epoch: Epoch): Promise<Epoch> {
  await send('SET', key, epoch.text, 'PX', String(UNUSED_MS))
  return epoch
}
