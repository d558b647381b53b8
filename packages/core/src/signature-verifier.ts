import { constants, verify } from 'node:crypto'
import type { AgentKey } from './agent-key.ts'
import { SIGNATURE_LENGTH, type SignatureAlgorithm } from './algorithms.ts'

/** Checks signatures over bytes. Registry and guards must share one: libraries disagree on edge cases (RFC 8032 section 8.8). */
export interface SignatureVerifier {
  readonly name: string
  readonly verify: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => boolean
  /** The same on the thread pool. */
  readonly verifyInThreadPool: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => Promise<boolean>
}

interface NodeParameters {
  readonly digest: string | null
  readonly padding?: number
  readonly saltLength?: number
  readonly dsaEncoding?: 'ieee-p1363'
}

const PARAMETERS: Readonly<Record<SignatureAlgorithm, NodeParameters>> = {
  ed25519: { digest: null },
  'ecdsa-p256-sha256': { digest: 'sha256', dsaEncoding: 'ieee-p1363' },
  'ecdsa-p384-sha384': { digest: 'sha384', dsaEncoding: 'ieee-p1363' },
  'rsa-pss-sha512': { digest: 'sha512', padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 },
  'rsa-v1_5-sha256': { digest: 'sha256', padding: constants.RSA_PKCS1_PADDING },
}

/** Verification by `node:crypto` (RFC 9421 section 3.3). */
export const nodeVerifier: SignatureVerifier = {
  name: 'node',
  verify: (key, data, signature) => {
    if (!hasSignatureLength(key.algorithm, signature)) return false
    const { digest } = PARAMETERS[key.algorithm]
    return verify(digest, data, keyInput(key), signature)
  },
  verifyInThreadPool: (key, data, signature) => {
    if (!hasSignatureLength(key.algorithm, signature)) return Promise.resolve(false)
    const { digest } = PARAMETERS[key.algorithm]
    return new Promise((resolve, reject) => {
      verify(digest, data, keyInput(key), signature, (error, valid) => (error ? reject(error) : resolve(valid)))
    })
  },
}

/** Whether a signature has the only length its algorithm allows. */
export function hasSignatureLength(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  const length = SIGNATURE_LENGTH[algorithm]
  return length === undefined ? signature.length > 0 : signature.length === length
}

function keyInput(key: AgentKey): Parameters<typeof verify>[2] {
  if (key.algorithm === 'ed25519') return key.publicKey
  const { digest: _, ...parameters } = PARAMETERS[key.algorithm]
  return { key: key.publicKey, ...parameters }
}
