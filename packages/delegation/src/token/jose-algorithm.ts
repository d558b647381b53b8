import { constants, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto'
import type { SignatureAlgorithm } from '@countermark/core/internal'

/** Algorithms of JOSE that are verified here (RFC 7518, RFC 8037). RFC 9864 calls `EdDSA` with this curve `Ed25519`: one algorithm. */
export type JoseAlgorithm = 'EdDSA' | 'ES256' | 'ES384' | 'PS256' | 'PS384' | 'PS512' | 'RS256' | 'RS384' | 'RS512'

type KeyParameters = Omit<VerifyKeyObjectInput, 'key'>

interface AlgorithmRow {
  /** The keys it takes: `kty`, and `crv` where there is one. */
  readonly keyType: string
  /** The same in RFC 9421: the environment's verifier takes it. */
  readonly registered?: SignatureAlgorithm
  readonly digest?: string
  readonly withKey?: KeyParameters
}

const pss = (saltLength: number): KeyParameters => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
const PKCS1: KeyParameters = { padding: constants.RSA_PKCS1_PADDING }

/** What each algorithm is made of. */
export const JOSE_ALGORITHMS: Readonly<Record<JoseAlgorithm, AlgorithmRow>> = {
  EdDSA: { keyType: 'OKP Ed25519', registered: 'ed25519' },
  ES256: { keyType: 'EC P-256', registered: 'ecdsa-p256-sha256' },
  ES384: { keyType: 'EC P-384', registered: 'ecdsa-p384-sha384' },
  PS256: { keyType: 'RSA', digest: 'sha256', withKey: pss(32) },
  PS384: { keyType: 'RSA', digest: 'sha384', withKey: pss(48) },
  PS512: { keyType: 'RSA', registered: 'rsa-pss-sha512' },
  RS256: { keyType: 'RSA', registered: 'rsa-v1_5-sha256' },
  RS384: { keyType: 'RSA', digest: 'sha384', withKey: PKCS1 },
  RS512: { keyType: 'RSA', digest: 'sha512', withKey: PKCS1 },
}

/** The algorithm that a header or a JWK names; `undefined` for every other, `none` and all symmetric ones among them. */
export function toJoseAlgorithm(name: unknown): JoseAlgorithm | undefined {
  if (name === 'Ed25519') return 'EdDSA'
  return typeof name === 'string' && Object.hasOwn(JOSE_ALGORITHMS, name) ? (name as JoseAlgorithm) : undefined
}

/** The same, if it is one of those that are accepted. */
export function findAccepted(name: unknown, accepted: readonly JoseAlgorithm[]): JoseAlgorithm | undefined {
  const algorithm = toJoseAlgorithm(name)
  return algorithm !== undefined && accepted.includes(algorithm) ? algorithm : undefined
}

/** Every spelling of an algorithm, for libraries that compare names. */
export function spellingsOf(algorithm: JoseAlgorithm): readonly string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm]
}

/** Whether a key, by its `kty` and `crv`, can be used with an algorithm. */
export function fitsKey(algorithm: JoseAlgorithm, key: KeyObject): boolean {
  const { kty, crv } = key.export({ format: 'jwk' })
  return JOSE_ALGORITHMS[algorithm].keyType === (kty === 'RSA' ? 'RSA' : `${kty} ${crv}`)
}
