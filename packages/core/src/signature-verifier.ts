import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { SIGNATURE_LENGTH, type SignatureAlgorithm } from './algorithms.ts'
import { isSmallOrder } from './ed25519-points.ts'
import type { AgentKey } from './keys/agent-key.ts'
import type { Measured } from './metric-row.ts'

/** Checks signatures over bytes. Registry and guards must share one: libraries disagree on edge cases (RFC 8032 section 8.8). */
export interface SignatureVerifier extends Measured {
  readonly name: string
  readonly verify: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => boolean
  /** The same on the thread pool. */
  readonly verifyInThreadPool: (key: AgentKey, data: Uint8Array, signature: Uint8Array) => Promise<boolean>
}

/** The digest goes to `verify` itself; what is left goes with the key. */
interface NodeParameters {
  readonly digest: string | null
  readonly withKey: Omit<VerifyKeyObjectInput, 'key'> | undefined
}

const PARAMETERS: Readonly<Record<SignatureAlgorithm, NodeParameters>> = {
  ed25519: { digest: null, withKey: undefined },
  'ecdsa-p256-sha256': { digest: 'sha256', withKey: { dsaEncoding: 'ieee-p1363' } },
  'ecdsa-p384-sha384': { digest: 'sha384', withKey: { dsaEncoding: 'ieee-p1363' } },
  'rsa-pss-sha512': { digest: 'sha512', withKey: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 } },
  'rsa-v1_5-sha256': { digest: 'sha256', withKey: { padding: constants.RSA_PKCS1_PADDING } },
}

/** Verification by `node:crypto` (RFC 9421 section 3.3). */
export const nodeVerifier: SignatureVerifier = {
  name: 'node',
  verify: (key, data, signature) => {
    if (!mayHold(key.algorithm, signature)) return false
    const { digest, withKey } = PARAMETERS[key.algorithm]
    return verify(digest, data, keyInput(key, withKey), signature)
  },
  verifyInThreadPool: (key, data, signature) => {
    if (!mayHold(key.algorithm, signature)) return Promise.resolve(false)
    const { digest, withKey } = PARAMETERS[key.algorithm]
    return new Promise((resolve, reject) => {
      verify(digest, data, keyInput(key, withKey), signature, (error, valid) =>
        error ? reject(error) : resolve(valid),
      )
    })
  },
}

/** Whether a signature has the only length its algorithm allows. */
export function hasSignatureLength(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  const length = SIGNATURE_LENGTH[algorithm]
  return length === undefined ? signature.length > 0 : signature.length === length
}

/**
 * Libraries disagree about an Ed25519 signature whose R has small order, which no honest signer makes (RFC 8032 section
 * 8.8). All of ours refuse it, so that the choice of a verifier decides nothing.
 */
function mayHold(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  return (
    hasSignatureLength(algorithm, signature) && !(algorithm === 'ed25519' && isSmallOrder(signature.subarray(0, 32)))
  )
}

function keyInput(key: AgentKey, withKey: NodeParameters['withKey']): KeyObject | VerifyKeyObjectInput {
  return withKey === undefined ? key.publicKey : { key: key.publicKey, ...withKey }
}
