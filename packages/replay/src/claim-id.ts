import { hash } from 'node:crypto'
import type { ProofFact } from '@countermark/core'

/**
 * What makes a proof one of a kind: its scheme, its key and its nonce, or the signed bytes when it has no nonce.
 * SHA-256 over length-prefixed parts, so that no two sets of parts can be written alike.
 */
export function claimId(proof: Pick<ProofFact, 'scheme' | 'thumbprint' | 'nonce' | 'baseHash'>): Buffer {
  return Buffer.from(claimText(proof), 'latin1')
}

/** The same, a character for each byte: no buffer has to be made for a store that keeps none. */
export function claimText(proof: Pick<ProofFact, 'scheme' | 'thumbprint' | 'nonce' | 'baseHash'>): string {
  const { scheme, thumbprint, nonce } = proof
  // The kind keeps a nonce that looks like a hash apart from that hash.
  const last = nonce === undefined ? prefixed('base', proof.baseHash) : prefixed('nonce', nonce)
  return hash('sha256', `${scheme.length}:${scheme}${thumbprint.length}:${thumbprint}${last}`, 'binary')
}

function prefixed(kind: string, text: string): string {
  return `${kind}${text.length}:${text}`
}
