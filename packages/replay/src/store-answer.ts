import {
  type ClaimResult,
  type Environment,
  type Measurement,
  type ProofFact,
  Refusal,
  type ReplayStore,
} from '@countermark/core'
import { type ClaimAnswer, type ClaimRefusals, claimOnce } from '@countermark/core/internal'
import { claimId } from './claim-id.ts'

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

/** A store that could not answer, or a word of one that could. */
type CounterName = ClaimResult | 'unavailable'

/** One counter for each answer, made once. */
export function createAnswerCounters(store: string): Readonly<Record<CounterName, Measurement>> {
  const counter = (result: CounterName): Measurement => {
    return { name: 'replay_claims_total', kind: 'counter', value: 1, labels: { store, result } }
  }
  return {
    claimed: counter('claimed'),
    replayed: counter('replayed'),
    unproven: counter('unproven'),
    over_quota: counter('over_quota'),
    full: counter('full'),
    unavailable: counter('unavailable'),
  }
}
