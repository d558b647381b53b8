import {
  type AgentRequest,
  type Check,
  defineCheck,
  type Environment,
  type FreshnessFact,
  type ProofFact,
  Refusal,
  type ReplayStore,
} from '@countermark/core'
import {
  type ClaimAnswer,
  isSafeMethod,
  isThenable,
  methods,
  optionTable,
  refusalOf,
  word,
} from '@countermark/core/internal'
import { claimId, claimProof, createAnswerCounters, REFUSALS } from './claim-proof.ts'
import { CLAIM_METRICS } from './metric-rows.ts'

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

/** The fact that the check needs. */
interface ProofFacts {
  readonly proof: ProofFact
}

/** The fact that the check adds. */
export interface ReplayFacts {
  readonly freshness: FreshnessFact
}

const OPTIONS = optionTable('preventReplay', {
  store: methods<ReplayStore>(['claim', 'issueNonce'], 'pass memoryReplayStore() or redisReplayStore({ client })'),
  onStoreUnavailable: word(['refuse', 'allow-safe-methods'], 'refuse'),
})

/**
 * Accepts each proof once. Runs after the check that adds `proof`, so that no nonce can be claimed without its key.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `signature_expired`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 * @example
 * guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() }))
 */
export function preventReplay(options: PreventReplayOptions): Check<ProofFacts, ReplayFacts> {
  const settings = OPTIONS.read(options)
  const { store } = settings
  const allowsSafe = settings.onStoreUnavailable === 'allow-safe-methods'
  const counters = createAnswerCounters(store.name)

  function settle(answer: ClaimAnswer, proof: ProofFact, method: string, environment: Environment): ReplayFacts {
    environment.report(counters[typeof answer === 'string' ? answer : 'unavailable'])
    if (answer === 'claimed') {
      return { freshness: { store: store.name, state: 'claimed', claimedUntil: proof.acceptUntil } }
    }
    if (typeof answer !== 'string' && allowsSafe && isSafeMethod(method)) {
      return { freshness: { store: store.name, state: 'unchecked', claimedUntil: undefined } }
    }
    throw refusalOf(answer, REFUSALS)
  }

  function claim(
    proof: ProofFact,
    { method, raw }: AgentRequest,
    environment: Environment,
  ): ReplayFacts | Promise<ReplayFacts> {
    const answer = claimProof(store, proof, environment, raw)
    if (!isThenable(answer)) return settle(answer, proof, method, environment)
    return answer.then((settled) => settle(settled, proof, method, environment))
  }

  /** The other signatures of the request first: a thief who copied one of them and was faster has claimed the request. */
  async function claimAll(proof: ProofFact, request: AgentRequest, environment: Environment): Promise<ReplayFacts> {
    for (const other of distinct(proof, proof.further ?? [])) {
      const answer = await claimProof(store, other, environment, request.raw)
      // What is unproven is refused by itself as well.
      if (answer !== 'unproven') settle(answer, other, request.method, environment)
    }
    return claim(proof, request, environment)
  }

  return defineCheck<ProofFacts, ReplayFacts>(
    {
      name: 'preventReplay',
      needs: ['proof'],
      adds: ['freshness'],
      settings: OPTIONS.state(settings),
      metrics: [...CLAIM_METRICS.rowsOf({ store: store.name }), ...(store.metrics ?? [])],
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

/** Signatures with one key and one nonce are one claim: they cannot be claimed one after the other. */
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
