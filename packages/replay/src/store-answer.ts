import {
  type ClaimResult,
  type Environment,
  isUnavailable,
  type Measurement,
  type ProofFact,
  Refusal,
  type ReplayStore,
  Unavailable,
} from '@countermark/core'
import { claimId } from './claim-id.ts'

/** What came of asking a store. */
export interface Answer {
  readonly result: ClaimResult | 'unavailable'
  /** Why the store could not answer. */
  readonly cause?: unknown
}

/** A key over its quota gets room as its oldest claims end; in this time a good part of them does. */
const QUOTA_RETRY_SECONDS = 10

/** Claims a proof. Whatever the store throws means that it could not answer; at once when the store answers at once. */
export function askStore(store: ReplayStore, proof: ProofFact, environment: Environment): Answer | Promise<Answer> {
  try {
    const { thumbprint, created, acceptUntil, nonce } = proof
    const result = store.claim({ id: claimId(proof), thumbprint, created, acceptUntil, nonce }, environment)
    return typeof result === 'string' ? toAnswer(result) : result.then(toAnswer, toFailure)
  } catch (error) {
    return toFailure(error)
  }
}

/** The refusal that an answer means. */
export function refusalFor({ result, cause }: Answer): Refusal {
  if (result === 'replayed') return new Refusal('replay_detected', 'this signed request was seen before; sign it anew')
  if (result === 'unproven') {
    return new Refusal('freshness_unproven', 'signed before the server could remember; sign again with the given nonce')
  }
  if (result === 'over_quota') {
    const details = { retryAfterSeconds: QUOTA_RETRY_SECONDS }
    return new Refusal('rate_limited', 'this key has too many requests inside their time window', details)
  }
  if (result === 'full') return new Unavailable('replay_store_unavailable', 'replay', 'the replay store is full')
  if (isUnavailable(cause)) return cause
  return new Unavailable('replay_store_unavailable', 'replay', 'the replay store cannot answer', { cause })
}

/** One counter for each answer, made once. */
export function createAnswerCounters(store: string): Readonly<Record<Answer['result'], Measurement>> {
  const counter = (result: Answer['result']): Measurement => {
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

const RESULTS: readonly ClaimResult[] = ['claimed', 'replayed', 'unproven', 'over_quota', 'full']

function toAnswer(result: ClaimResult): Answer {
  if (RESULTS.includes(result)) return { result }
  return toFailure(new TypeError(`a replay store answers with one of ${RESULTS.join(', ')}`))
}

function toFailure(cause: unknown): Answer {
  return { result: 'unavailable', cause }
}
