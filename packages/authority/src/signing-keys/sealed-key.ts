import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Misconfigured } from '@countermark/core'

/** Keys that seal what is secret at rest, by the name of their version; the first one seals, all of them open. */
export type EncryptionKeys = Readonly<Record<string, string>>

/** Seals and opens what must not lie in the database in clear. */
export interface SealAtRest {
  /** The version that seals. */
  readonly version: string
  /** AES-256-GCM, bound to `name`: sealed for one name, it does not open for another. */
  readonly seal: (name: string, secret: Uint8Array) => string
  /** @throws Error when the version is not known, or what was sealed was altered */
  readonly open: (name: string, sealed: string) => Buffer
}

const VERSION = /^[A-Za-z0-9_-]{1,32}$/
const IV_BYTES = 12
const TAG_BYTES = 16
const FIX = 'give { v1: … } from the environment: 32 bytes in base64, as openssl rand -base64 32 makes them'

/**
 * Reads the keys that the environment gives.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function createSealAtRest(keys: EncryptionKeys): SealAtRest {
  const read = new Map(Object.entries(keys).map(([version, text]) => [version, readKey(version, text)]))
  const [first] = read
  if (first === undefined) throw new Misconfigured('ERR_OPTION_MISSING', `encryptionKeys holds no key; ${FIX}`)
  const [version, key] = first
  return {
    version,
    seal: (name, secret) => `${version}.${sealWith(key, aad(version, name), secret).toString('base64url')}`,
    open: (name, sealed) => {
      const [sealedBy = '', text = ''] = sealed.split('.', 2)
      const known = read.get(sealedBy)
      if (known === undefined) throw new Error(`encryptionKeys lacks version ${sealedBy}, which sealed ${name}`)
      return openWith(known, aad(sealedBy, name), Buffer.from(text, 'base64url'))
    },
  }
}

function readKey(version: string, text: unknown): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : undefined
  if (VERSION.test(version) && bytes?.length === 32) return bytes
  throw new Misconfigured('ERR_OPTION_INVALID', `encryptionKeys.${version} must be 32 bytes in base64; ${FIX}`)
}

function aad(version: string, name: string): Buffer {
  return Buffer.from(`countermark sealed ${version} ${name}`)
}

function sealWith(key: Buffer, data: Buffer, secret: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(data)
  return Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

function openWith(key: Buffer, data: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new Error('what was sealed was cut')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(data).setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
}
