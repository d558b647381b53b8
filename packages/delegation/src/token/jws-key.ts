import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { type AgentKey, type Environment, Refusal, type RefusalCode } from '@countermark/core'
import type { ImportedKey, SignatureAlgorithm } from '@countermark/core/internal'

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

const ROWS: Readonly<Record<JoseAlgorithm, AlgorithmRow>> = {
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
  return typeof name === 'string' && Object.hasOwn(ROWS, name) ? (name as JoseAlgorithm) : undefined
}

/** Every spelling of an algorithm, for libraries that compare names. */
export function spellingsOf(algorithm: JoseAlgorithm): readonly string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm]
}

/** Whether a key, by its `kty` and `crv`, can be used with an algorithm. */
export function fitsKey(algorithm: JoseAlgorithm, key: KeyObject): boolean {
  const { kty, crv } = key.export({ format: 'jwk' })
  return ROWS[algorithm].keyType === (kty === 'RSA' ? 'RSA' : `${kty} ${crv}`)
}

/** A key made ready for one algorithm. */
export interface JwsKey {
  readonly thumbprint: string
  readonly verify: (data: Uint8Array, signature: Uint8Array, environment: Pick<Environment, 'verifier'>) => boolean
}

/** Makes a key ready, once: it is asked about each request. */
export function createJwsKey(algorithm: JoseAlgorithm, key: ImportedKey): JwsKey {
  const { registered, digest, withKey } = ROWS[algorithm]
  const { thumbprint, publicKey } = key
  if (registered !== undefined) {
    const agentKey: AgentKey = { ...key, algorithm: registered, ...NO_AGENT }
    return {
      thumbprint,
      verify: (data, signature, { verifier }) => verifier.verify(agentKey, data, signature) === true,
    }
  }
  return {
    thumbprint,
    verify: (data, signature) =>
      digest !== undefined && verify(digest, data, { key: publicKey, ...withKey }, signature),
  }
}

/** A JWS signature (RFC 7515 section 5.2), checked at once. */
export function verifyJwsSignature(
  key: JwsKey,
  { signingInput, signature }: { readonly signingInput: string; readonly signature: Uint8Array },
  environment: Pick<Environment, 'verifier'>,
): boolean {
  return key.verify(Buffer.from(signingInput, 'latin1'), signature, environment)
}

/** The environment's verifier takes the keys of agents; whose this one is, it does not ask. */
const NO_AGENT = {
  agent: { id: '', state: 'active' },
  keyId: '',
  state: 'active',
  notBefore: undefined,
  notAfter: undefined,
  schemes: undefined,
} as const

/**
 * Checks the signature of a compact JWS with an issuer's key, off the main thread.
 * @throws {@link Refusal} with the given code
 */
export async function verifyIssuerSignature(
  text: string,
  key: { readonly publicKey: KeyObject; readonly joseAlgorithm: JoseAlgorithm },
  code: RefusalCode,
): Promise<void> {
  const [{ compactVerify }, { JOSEError }] = await loadJose()
  try {
    await compactVerify(text, key.publicKey, { algorithms: [...spellingsOf(key.joseAlgorithm)] })
  } catch (cause) {
    if (!(cause instanceof JOSEError)) throw cause
    throw new Refusal(code, 'the signature does not verify', { cause })
  }
}

type Jose = [typeof import('jose/jws/compact/verify'), typeof import('jose/errors')]

/**
 * Loads of jose what verifying takes. Begun when a check is made: a program without tokens never pays for it, and the first
 * token finds it there.
 */
export function loadJose(): Promise<Jose> {
  jose ??= Promise.all([import('jose/jws/compact/verify'), import('jose/errors')])
  return jose
}

let jose: Promise<Jose> | undefined
