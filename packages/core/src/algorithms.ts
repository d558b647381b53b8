/** Algorithm names of the HTTP Signature Algorithms registry (RFC 9421 section 6.2.2). */
export type SignatureAlgorithm =
  | 'ed25519'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha384'
  | 'rsa-pss-sha512'
  | 'rsa-v1_5-sha256'

/** What is accepted unless a guard says otherwise. `hmac-sha256` does not exist here: nothing is shared. */
export const DEFAULT_ALGORITHMS: readonly SignatureAlgorithm[] = ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512']

/** Whether a string is a known algorithm name. */
export function isSignatureAlgorithm(name: string): name is SignatureAlgorithm {
  return Object.hasOwn(SIGNATURE_LENGTH, name)
}

/** Exact signature length in bytes; `undefined` where it depends on the key. */
export const SIGNATURE_LENGTH: Readonly<Record<SignatureAlgorithm, number | undefined>> = {
  ed25519: 64,
  'ecdsa-p256-sha256': 64,
  'ecdsa-p384-sha384': 96,
  'rsa-pss-sha512': undefined,
  'rsa-v1_5-sha256': undefined,
}
