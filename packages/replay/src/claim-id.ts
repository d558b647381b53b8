import { hash } from 'node:crypto'
import type { ProofFact } from '@countermark/core'

/**
 * What makes a proof one of a kind: its scheme, its key and its nonce, or the signed bytes when it has no nonce.
 * SHA-256 over length-prefixed parts, so that no two sets of parts can be written alike.
 */
export function claimId(proof: Pick<ProofFact, 'scheme' | 'thumbprint' | 'nonce' | 'baseHash'>): Buffer {
  const { scheme, thumbprint, nonce } = proof
  // The kind keeps a nonce that looks like a hash apart from that hash. Read without a nonce only: it is made on demand.
  const last = nonce === undefined ? prefixed('base', proof.baseHash) : prefixed('nonce', nonce)
  // By way of a string: node gives a digest that is a Buffer memory of its own, which takes as long as the hash.
  const id = hash('sha256', `${scheme.length}:${scheme}${thumbprint.length}:${thumbprint}${last}`, 'binary')
  return Buffer.from(id, 'latin1')
}

function prefixed(kind: string, text: string): string {
  return `${kind}${text.length}:${text}`
}
