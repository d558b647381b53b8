import { constants, type KeyObject, sign } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'

/** Signs elsewhere, such as in a KMS or an HSM. ECDSA signatures are `r || s` (RFC 9421 section 3.3.4). */
export type SignFunction = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** A private key, or a function that has one. */
export type SigningKey = KeyObject | SignFunction

/** Signs bytes with the algorithm that the key's type implies; at once when the key is at hand. */
export function signBytes(key: SigningKey, data: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return typeof key === 'function' ? key(data) : SIGN[algorithmOf(key)](key, data)
}

/**
 * The algorithm that a private key signs with here.
 * @throws {@link Misconfigured} `ERR_KEY_MATERIAL`
 */
function algorithmOf(key: KeyObject): keyof typeof SIGN {
  const type = key.asymmetricKeyType
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.type === 'private') {
    if (type === 'ed25519') return 'ed25519'
    if (type === 'ec' && curve === 'prime256v1') return 'ecdsa-p256-sha256'
    if (type === 'ec' && curve === 'secp384r1') return 'ecdsa-p384-sha384'
    if (type === 'rsa' || type === 'rsa-pss') return 'rsa-pss-sha512'
  }
  throw new Misconfigured('ERR_KEY_MATERIAL', 'key must be a private Ed25519, ECDSA P-256 or P-384, or RSA key')
}

type Sign = (key: KeyObject, data: Uint8Array) => Uint8Array

const SIGN: Readonly<Record<Exclude<SignatureAlgorithm, 'rsa-v1_5-sha256'>, Sign>> = {
  ed25519: (key, data) => sign(null, data, key),
  'ecdsa-p256-sha256': (key, data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  'ecdsa-p384-sha384': (key, data) => sign('sha384', data, { key, dsaEncoding: 'ieee-p1363' }),
  'rsa-pss-sha512': (key, data) =>
    sign('sha512', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }),
}
