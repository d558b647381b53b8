import { hash } from 'node:crypto'
import { type ClaimResult, type Environment, type ProofFact, Refusal, type ReplayStore } from '@countermark/core'
import { type ClaimAnswer, type ClaimRefusals, claimOnce, type Measurement } from '@countermark/core/internal'
import { CLAIM_METRICS } from './metric-rows.ts'

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

/** Claims a proof for the request that carried it; at once when the store answers at once. */
export function claimProof(
  store: ReplayStore,
  proof: ProofFact,
  environment: Environment,
  raw: object,
): ClaimAnswer | Promise<ClaimAnswer> {
  const { thumbprint, created, acceptUntil, nonce } = proof
  return claimOnce(store, { id: claimId(proof), thumbprint, created, acceptUntil, nonce }, environment, raw)
}

/** What the caller is told. */
export const REFUSALS: ClaimRefusals = {
  replayed: () => new Refusal('replay_detected', 'this signed request was seen before; sign it anew'),
  unproven: () =>
    new Refusal('freshness_unproven', 'signed before the server could remember; sign again with the given nonce'),
}

/** One counter for each answer, made once; `unavailable` when there was none. */
export function createAnswerCounters(store: string): Readonly<Record<ClaimResult | 'unavailable', Measurement>> {
  const count = (result: ClaimResult | 'unavailable'): Measurement =>
    CLAIM_METRICS.measure('replay_claims_total', 1, { store, result })
  return {
    claimed: count('claimed'),
    replayed: count('replayed'),
    unproven: count('unproven'),
    over_quota: count('over_quota'),
    full: count('full'),
    unavailable: count('unavailable'),
  }
}

function prefixed(kind: string, text: string): string {
  return `${kind}${text.length}:${text}`
}
