import {
  type AgentRequest,
  type Check,
  defineCheck,
  type Environment,
  type FreshnessFact,
  Misconfigured,
  type ProofFact,
  Refusal,
  type ReplayStore,
  requireKnownOptions,
} from '@countermark/core'
import {
  type ClaimAnswer,
  isSafeMethod,
  isThenable,
  nameLabels,
  refusalOf,
  requireWord,
  stateSettings,
} from '@countermark/core/internal'
import { claimId } from './claim-id.ts'
import { CLAIM_METRIC_ROWS } from './metric-rows.ts'
import { claimProof, createAnswerCounters, REFUSALS } from './store-answer.ts'

/** Options of {@link preventReplay}. */
export interface PreventReplayOptions {
  /** Where used proofs are remembered. Guards that accept the same signatures must share it. */
  readonly store: ReplayStore
  /**
   * What happens when the store cannot answer. `allow-safe-methods` lets GET, HEAD and OPTIONS pass, and the fact `freshness`
   * says `unchecked`. @default 'refuse': every method is answered with `replay_store_unavailable`
   */
  readonly onStoreUnavailable?: 'refuse' | 'allow-safe-methods'
}

/** What must be known before. */
export interface Proven {
  readonly proof: ProofFact
}

/** What is known after. */
export interface Fresh {
  readonly freshness: FreshnessFact
}

/**
 * Accepts each proof once. Runs after the check that adds `proof`, so that nobody can use up a nonce without the key.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `signature_expired`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 * @example
 * guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() }))
 */
export function preventReplay(options: PreventReplayOptions): Check<Proven, Fresh> {
  requireKnownOptions('preventReplay', options, ['store', 'onStoreUnavailable'])
  const { store, onStoreUnavailable = 'refuse' } = options
  requireStore(store)
  requireWord('onStoreUnavailable', onStoreUnavailable, ['refuse', 'allow-safe-methods'])
  const allowsSafe = onStoreUnavailable === 'allow-safe-methods'
  const counters = createAnswerCounters(store.name)

  function settle(answer: ClaimAnswer, proof: ProofFact, method: string, environment: Environment): Fresh {
    environment.report(counters[typeof answer === 'string' ? answer : 'unavailable'])
    if (answer === 'claimed') {
      return { freshness: { store: store.name, state: 'claimed', claimedUntil: proof.acceptUntil } }
    }
    if (typeof answer !== 'string' && allowsSafe && isSafeMethod(method)) {
      return { freshness: { store: store.name, state: 'unchecked', claimedUntil: undefined } }
    }
    throw refusalOf(answer, REFUSALS)
  }

  function claim(proof: ProofFact, { method, raw }: AgentRequest, environment: Environment): Fresh | Promise<Fresh> {
    const answer = claimProof(store, proof, environment, raw)
    if (!isThenable(answer)) return settle(answer, proof, method, environment)
    return answer.then((settled) => settle(settled, proof, method, environment))
  }

  /** The other signatures of the request first: who copied one of them and was faster has used the request up. */
  async function claimAll(proof: ProofFact, request: AgentRequest, environment: Environment): Promise<Fresh> {
    for (const other of distinct(proof, proof.further ?? [])) {
      const answer = await claimProof(store, other, environment, request.raw)
      // Whatever is unproven is refused alone as well.
      if (answer !== 'unproven') settle(answer, other, request.method, environment)
    }
    return claim(proof, request, environment)
  }

  return defineCheck<Proven, Fresh>(
    {
      name: 'preventReplay',
      needs: ['proof'],
      adds: ['freshness'],
      settings: stateSettings({ store, onStoreUnavailable }, ['store', 'onStoreUnavailable']),
      metrics: [...nameLabels(CLAIM_METRIC_ROWS, { store: store.name }), ...(store.metrics ?? [])],
      inspect: ({ clock }) => {
        if (clock !== undefined) store.useClock?.(clock)
      },
      issueNonce: (environment) => store.issueNonce(environment),
    },
    (request, { proof }, environment) => {
      requireUnended(proof, environment)
      return proof.further === undefined ? claim(proof, request, environment) : claimAll(proof, request, environment)
    },
  )
}

/** Signatures with one key and one nonce are one claim: they cannot be used up one after the other. */
function distinct(proof: ProofFact, further: readonly ProofFact[]): Iterable<ProofFact> {
  const byClaim = new Map(further.map((other) => [claimId(other).toString('hex'), other]))
  byClaim.delete(claimId(proof).toString('hex'))
  return byClaim.values()
}

/** Time went by since the signature was checked, for one that the body took. A claim past its end would be forgotten at once. */
function requireUnended({ acceptUntil }: ProofFact, { clock }: Environment): void {
  if (clock.wallMs() <= acceptUntil * 1000) return
  throw new Refusal('signature_expired', 'the signature ended before the whole request had arrived')
}

function requireStore(store: ReplayStore): void {
  if (typeof store?.claim === 'function' && typeof store.issueNonce === 'function') return
  throw new Misconfigured(
    'ERR_OPTION_MISSING',
    'preventReplay needs a store; pass memoryReplayStore() or redisReplayStore({ client })',
  )
}
