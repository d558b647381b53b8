import { createHash } from 'node:crypto'
import type { Environment, ProofFact, ReplayStore } from '@countermark/core'
import { claimMessage } from '../src/outside-http.ts'

/** Claims a proof as a replay check does: by scheme, key and nonce, or by the hash of what was signed. */
export function claimProof(proof: ProofFact, store: ReplayStore, environment: Environment): void | Promise<void> {
  const { scheme, thumbprint, nonce, baseHash, created, acceptUntil } = proof
  const id = createHash('sha256')
    .update(JSON.stringify([scheme, thumbprint, nonce === undefined ? baseHash : [nonce]]))
    .digest()
  return claimMessage({ id, thumbprint, created, acceptUntil, nonce }, store, environment)
}
