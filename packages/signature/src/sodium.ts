import type { AgentKey, SignatureVerifier } from '@countermark/core'
import { hasSignatureLength, nodeVerifier } from '@countermark/core/internal'
import sodium from 'sodium-native'

/**
 * Verification of Ed25519 by libsodium, at about half the cost of `node:crypto`; every other algorithm goes to
 * `nodeVerifier`. Both give the same verdicts: where the libraries beneath disagree, ours refuse (RFC 8032 section
 * 8.8). libsodium has no asynchronous call, so the thread pool is node's.
 * @example createGuard({ origins, verifier: sodiumVerifier() })
 */
export function sodiumVerifier(): SignatureVerifier {
  return { name: 'sodium', verify, verifyInThreadPool: nodeVerifier.verifyInThreadPool }
}

function verify(key: AgentKey, data: Uint8Array, signature: Uint8Array): boolean {
  const { algorithm, rawPublicKey } = key
  if (algorithm !== 'ed25519' || rawPublicKey === undefined) return nodeVerifier.verify(key, data, signature)
  // libsodium reads the first 64 bytes of a longer signature and throws on a shorter one.
  if (!hasSignatureLength(algorithm, signature)) return false
  return sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(data), asBuffer(rawPublicKey))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
