import {
  type AgentKey,
  hasSignatureLength,
  isSmallOrder,
  nodeVerifier,
  type SignatureVerifier,
} from '@countermark/core'
import sodium from 'sodium-native'

/**
 * Verification of Ed25519 by libsodium, at about half the cost of `node:crypto`; every other algorithm goes to
 * {@link nodeVerifier}. Give the same one to the registry and to all guards: libsodium refuses signatures whose R has
 * small order, which `node:crypto` accepts (RFC 8032 section 8.8). No honest signer makes such a signature.
 * @example createGuard({ authorities, verifier: sodiumVerifier() })
 */
export function sodiumVerifier(): SignatureVerifier {
  return { name: 'sodium', verify, verifyInThreadPool }
}

function verify(key: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
  const { algorithm, rawPublicKey } = key
  if (algorithm !== 'ed25519' || rawPublicKey === undefined) return nodeVerifier.verify(key, data, signature)
  // libsodium reads the first 64 bytes of a longer signature and throws on a shorter one.
  if (!hasSignatureLength(algorithm, signature)) return false
  return sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(data), asBuffer(rawPublicKey))
}

/** libsodium has no asynchronous call: node's pool computes, after the one check that it lacks, so both ways agree. */
function verifyInThreadPool(key: AgentKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (key.algorithm === 'ed25519' && signature.length === 64 && isSmallOrder(signature.subarray(0, 32))) {
    return Promise.resolve(false)
  }
  return nodeVerifier.verifyInThreadPool(key, data, signature)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
