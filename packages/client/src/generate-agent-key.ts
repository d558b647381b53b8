import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { importPublicKey, Misconfigured } from '@countermark/core'
import type { PublicJwk } from '@countermark/core/internal'

/** What a key may be generated for. */
export type AgentKeyAlgorithm = 'ed25519' | 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'rsa-pss-sha512'

/** A new key: keep one half, register the other. */
export interface GeneratedAgentKey {
  /** `-----BEGIN PRIVATE KEY-----` (PKCS #8). Its holder is the agent. */
  readonly privateKey: string
  /** What the registry, the key set or `staticKeys` gets. Its `kid` is the thumbprint. */
  readonly publicJwk: Readonly<PublicJwk & { readonly kid: string; readonly use: 'sig' }>
  /** JWK SHA-256 thumbprint (RFC 7638): the key id that an agent fetch sends unless told otherwise. */
  readonly thumbprint: string
}

const GENERATE: Readonly<Record<AgentKeyAlgorithm, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  ed25519: () => generateKeyPairSync('ed25519'),
  'ecdsa-p256-sha256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384-sha384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-pss-sha512': () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
}

/**
 * Generates the key pair of one agent instance. Nothing is written anywhere.
 * @example const { privateKey, publicJwk } = generateAgentKey()
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function generateAgentKey(options: { readonly algorithm?: AgentKeyAlgorithm } = {}): GeneratedAgentKey {
  const { algorithm = 'ed25519' } = options
  if (!Object.hasOwn(GENERATE, algorithm)) {
    throw new Misconfigured('ERR_OPTION_INVALID', `algorithm must be one of ${Object.keys(GENERATE).join(', ')}`)
  }
  const { privateKey, publicKey } = GENERATE[algorithm]()
  const { thumbprint } = importPublicKey(publicKey)
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: thumbprint, use: 'sig' },
    thumbprint,
  }
}
