import { Misconfigured } from '@countermark/core'
import type { PublicJwk, SignatureAlgorithm } from '@countermark/core/internal'
import { signBytes } from '@countermark/signature'
import type { SigningIdentity } from './signing-key.ts'

/** Names of the signature algorithms in JOSE (RFC 7518 section 3.1, RFC 8037 section 3.1). */
type JoseAlgorithmName = 'EdDSA' | 'ES256' | 'ES384' | 'PS512' | 'RS256'

const NAMES: Readonly<Record<SignatureAlgorithm, JoseAlgorithmName>> = {
  ed25519: 'EdDSA',
  'ecdsa-p256-sha256': 'ES256',
  'ecdsa-p384-sha384': 'ES384',
  'rsa-pss-sha512': 'PS512',
  'rsa-v1_5-sha256': 'RS256',
}

/** An agent's key as JWTs are signed with it. */
export interface JoseSigner {
  readonly algorithm: JoseAlgorithmName
  readonly keyId: string
  readonly sign: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A signer whose public half is known. */
interface KnownJoseSigner extends JoseSigner {
  /** Only the members that make up the key. */
  readonly publicJwk: PublicJwk
  /** RFC 7638. */
  readonly thumbprint: string
}

/** The signer that an identity is. */
export function createJoseSigner({ key, algorithm, keyId }: SigningIdentity): JoseSigner {
  return { algorithm: NAMES[algorithm], keyId, sign: (data) => signBytes(key, data) }
}

/**
 * The same for a key that others must be able to recognise.
 * @throws Misconfigured `ERR_OPTION_MISSING`
 */
export function createKnownJoseSigner(identity: SigningIdentity, purpose: string): KnownJoseSigner {
  const { publicKey } = identity
  if (publicKey === undefined) {
    throw new Misconfigured('ERR_OPTION_MISSING', `${purpose} needs publicKey beside sign`)
  }
  const publicJwk: PublicJwk = publicKey.publicKey.export({ format: 'jwk' })
  return { ...createJoseSigner(identity), publicJwk, thumbprint: publicKey.thumbprint }
}

/** Signs a compact JWS with these claims (RFC 7515 section 7.1). */
export async function signJwt(signer: JoseSigner, header: object, claims: object): Promise<string> {
  const input = `${encode({ alg: signer.algorithm, ...header })}.${encode(claims)}`
  const signature = await signer.sign(Buffer.from(input, 'latin1'))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
