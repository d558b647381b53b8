import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'

interface AlgorithmRow {
  /** `kty`, and `crv` where there is one. */
  readonly keyType: string
  readonly digest: string | null
  readonly withKey?: Omit<VerifyKeyObjectInput, 'key'>
}

const pss = (digest: string, saltLength: number): AlgorithmRow => {
  return { keyType: 'RSA', digest, withKey: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } }
}
const pkcs1 = (digest: string): AlgorithmRow => {
  return { keyType: 'RSA', digest, withKey: { padding: constants.RSA_PKCS1_PADDING } }
}
const ecdsa = (curve: string, digest: string): AlgorithmRow => {
  return { keyType: `EC ${curve}`, digest, withKey: { dsaEncoding: 'ieee-p1363' } }
}
const EDDSA: AlgorithmRow = { keyType: 'OKP Ed25519', digest: null }

/** By the names of RFC 9421 section 6.2.2, and by those of JOSE (RFC 7518, 8037, 9864), as a record may have them. */
const ROWS: ReadonlyMap<string | undefined, AlgorithmRow> = new Map([
  ['ed25519', EDDSA],
  ['EdDSA', EDDSA],
  ['Ed25519', EDDSA],
  ['ecdsa-p256-sha256', ecdsa('P-256', 'sha256')],
  ['ES256', ecdsa('P-256', 'sha256')],
  ['ecdsa-p384-sha384', ecdsa('P-384', 'sha384')],
  ['ES384', ecdsa('P-384', 'sha384')],
  ['rsa-pss-sha512', pss('sha512', 64)],
  ['PS256', pss('sha256', 32)],
  ['PS384', pss('sha384', 48)],
  ['PS512', pss('sha512', 64)],
  ['rsa-v1_5-sha256', pkcs1('sha256')],
  ['RS256', pkcs1('sha256')],
  ['RS384', pkcs1('sha384')],
  ['RS512', pkcs1('sha512')],
])

/** What is verified. */
export interface SignedBytes {
  readonly algorithm: string | undefined
  readonly publicKey: KeyObject
  /** `kty`, and `crv` where there is one. */
  readonly keyType: string
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** Whether a signature verifies by an algorithm that this key may be used with. */
export function verifiesBy({ algorithm, publicKey, keyType, data, signature }: SignedBytes): boolean {
  const row = ROWS.get(algorithm)
  if (row === undefined || row.keyType !== keyType) return false
  return verify(row.digest, data, { key: publicKey, ...row.withKey }, signature)
}
