import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'
import { importPublicKey, isRefusal, Misconfigured } from '@countermark/core'
import {
  hasSignatureLength,
  type ImportedKey,
  isSignatureAlgorithm,
  type KeyMaterial,
  type SignatureAlgorithm,
  tidyPem,
} from '@countermark/core/internal'
import type { SignFunction, SigningKey } from '@countermark/signature'
import { AgentFetchError } from './agent-fetch-error.ts'

/** A private key as people have it: PEM (PKCS #8, SEC 1 or PKCS #1), a JWK, or Node's own object. */
type PrivateKeyMaterial = KeyObject | string | Readonly<Record<string, unknown>>

/** A key at hand. */
export interface KeyAtHand {
  /** The private key. */
  readonly key: PrivateKeyMaterial
  /** The name of the key at the registry. @default its JWK thumbprint, which simple forms do not send */
  readonly keyId?: string | undefined
  readonly sign?: never
  /** Follows from the key. */
  readonly algorithm?: never
  readonly publicKey?: never
}

/** A key that is kept elsewhere, such as in a KMS or an HSM. */
export interface KeyElsewhere {
  /** Signs bytes, now or later. ECDSA signatures are `r || s`, not DER. */
  readonly sign: SignFunction
  /** What the key signs with. */
  readonly algorithm: SignatureAlgorithm
  /** The name of the key at the registry. */
  readonly keyId: string
  /** The public half. Needed to prove possession with DPoP, and to hand tokens on. */
  readonly publicKey?: KeyMaterial
  /** Not at hand: give `sign` alone. */
  readonly key?: never
}

/** Who signs. */
export interface SigningIdentity {
  /** What signs. */
  readonly key: SigningKey
  /** What it signs with. */
  readonly algorithm: SignatureAlgorithm
  readonly keyId: string
  /** Whether the caller named the key. */
  readonly isNamed: boolean
  /** `undefined` when the key is elsewhere and its public half was not given. */
  readonly publicKey: ImportedKey | undefined
}

/** Options that say who signs. */
export const IDENTITY_OPTIONS: readonly string[] = ['key', 'keyId', 'sign', 'algorithm', 'publicKey']

/**
 * Makes a signer of a key, or of a function that has one.
 * @throws Misconfigured `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`, `ERR_KEY_MATERIAL`
 */
export function createSigningIdentity(options: KeyAtHand | KeyElsewhere): SigningIdentity {
  if ((options.key === undefined) === (options.sign === undefined)) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'give either key or sign')
  }
  return options.sign === undefined ? ownKey(options) : remoteKey(options)
}

function ownKey({ key, keyId }: KeyAtHand): SigningIdentity {
  const privateKey = importPrivateKey(key)
  const publicKey = checkKey(privateKey)
  const { algorithm, thumbprint } = publicKey
  return { key: privateKey, algorithm, keyId: keyId ?? thumbprint, isNamed: keyId !== undefined, publicKey }
}

function remoteKey({ sign, algorithm, keyId, publicKey }: KeyElsewhere): SigningIdentity {
  if (typeof sign !== 'function') throw new Misconfigured('ERR_OPTION_INVALID', 'sign must be a function of bytes')
  if (typeof algorithm !== 'string' || !isSignatureAlgorithm(algorithm)) {
    throw new Misconfigured('ERR_OPTION_MISSING', "algorithm must name what sign makes, such as 'ecdsa-p256-sha256'")
  }
  if (keyId === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'keyId must name the key that sign uses')
  const checked: SignFunction = async (data) => {
    const signature = await sign(data)
    if (signature instanceof Uint8Array && hasSignatureLength(algorithm, signature)) return signature
    throw new AgentFetchError(
      'signing_failed',
      `sign must give the bytes of one ${algorithm} signature; for ECDSA, r || s`,
    )
  }
  return { key: checked, algorithm, keyId, isNamed: true, publicKey: importPublicHalf(publicKey, algorithm) }
}

function importPublicHalf(material: KeyMaterial | undefined, algorithm: SignatureAlgorithm): ImportedKey | undefined {
  if (material === undefined) return undefined
  try {
    return importPublicKey(material, { algorithm, allowTestKeys: true })
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Misconfigured('ERR_KEY_MATERIAL', `publicKey must be the public half of the key: ${error.message}`)
  }
}

function importPrivateKey(material: PrivateKeyMaterial): KeyObject {
  try {
    if (material instanceof KeyObject) return material
    if (typeof material === 'string') return createPrivateKey(tidyPem(material) ?? material)
    return createPrivateKey({ key: { ...material }, format: 'jwk' })
  } catch {
    // The original error may quote the material.
    throw new Misconfigured('ERR_KEY_MATERIAL', 'key must be a private key: PEM text, JWK or KeyObject')
  }
}

function checkKey(key: KeyObject): ImportedKey {
  try {
    if (key.type !== 'private') throw new TypeError('expected a private key')
    return importPublicKey(createPublicKey(key), { allowTestKeys: true })
  } catch {
    // Whatever was wrong, it was said about secret material: say what is expected instead.
    throw new Misconfigured(
      'ERR_KEY_MATERIAL',
      'key must be a private Ed25519, ECDSA P-256 or P-384, or RSA key of 2048 to 4096 bits',
    )
  }
}
