import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import type { AgentKey, SignatureVerifier } from '@countermark/core'

/** A key that passed no import: vectors are about points that the import refuses. */
export function rawKey(point: Uint8Array): AgentKey {
  const x = Buffer.from(point).toString('base64url')
  return {
    agent: { id: 'agt_vector', state: 'active' },
    keyId: x,
    thumbprint: x,
    algorithm: 'ed25519',
    publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
    rawPublicKey: Buffer.from(point),
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}

const other = generateKeyPairSync('ed25519')
const OTHER_SIGNATURE = sign(null, Buffer.alloc(0), other.privateKey)

/**
 * Earns a key its table without a signature of its own, which cannot be made for some keys: node:crypto is shown another
 * key beside the same bytes.
 */
export function warmUp(verifier: SignatureVerifier, key: AgentKey, times = 1): void {
  const shown = { ...key, publicKey: other.publicKey }
  for (let count = 0; count < times; count++) verifier.verify(shown, Buffer.alloc(0), OTHER_SIGNATURE)
}
