import { hash } from 'node:crypto'
import {
  type AgentRequest,
  type Check,
  type ClaimResult,
  defineCheck,
  type Environment,
  type FreshnessFact,
  type ProofFact,
  Refusal,
  type ReplayClaim,
  type ReplayStore,
} from '@countermark/core'
import {
  type ClaimAnswer,
  type ClaimRefusals,
  claimOnce,
  isSafeMethod,
  isThenable,
  type Measurement,
  methods,
  optionTable,
  refusalOf,
  word,
} from '@countermark/core/internal'
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
  /** That this is the first time, and until when that is remembered. */
  readonly freshness: FreshnessFact
}

const OPTIONS = optionTable('preventReplay', {
  store: methods<ReplayStore>(['claim', 'issueNonce'], 'pass memoryReplayStore() or redisReplayStore({ client })'),
  onStoreUnavailable: word(['refuse', 'allow-safe-methods'], 'refuse'),
})

/** What the caller is told. */
const REFUSALS: ClaimRefusals = {
  replayed: () => new Refusal('replay_detected', 'this signed request was seen before; sign it anew'),
  unproven: () =>
    new Refusal('freshness_unproven', 'signed before the server could remember; sign again with the given nonce'),
}

/**
 * Accepts each proof once. Runs after the check that adds `proof`, so that no nonce can be claimed without its key.
 * @throws {@link Refusal} `replay_detected`, `freshness_unproven`, `signature_expired`, `rate_limited`
 * @throws {@link Unavailable} `replay_store_unavailable`
 * @example
 * guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() }))
 */
export function preventReplay(options: PreventReplayOptions): Check<ProofFacts, ReplayFacts> {
  const settings = OPTIONS.read(options)
  const { store, onStoreUnavailable } = settings
  const claims = new ProofClaims(store, onStoreUnavailable === 'allow-safe-methods')
  return defineCheck<ProofFacts, ReplayFacts>(
    {
      name: 'preventReplay',
      needs: ['proof'],
      adds: ['freshness'],
      settings: OPTIONS.describe(settings),
      metrics: [...CLAIM_METRICS.rowsOf({ store: store.name }), ...(store.metrics ?? [])],
      replayStore: store,
      inspect: ({ clock }) => {
        if (clock !== undefined) store.useClock?.(clock)
      },
      issueNonce: (environment) => store.issueNonce(environment),
    },
    (request, { proof }, environment) => {
      // Time went by since the signature was checked, for one that the body took. A later claim would be forgotten at once.
      if (!(environment.clock.wallMs() <= proof.acceptUntil * 1000)) {
        throw new Refusal('signature_expired', 'the signature ended before the whole request had arrived')
      }
      const { further } = proof
      return further === undefined
        ? claims.claim(proof, request, environment)
        : claims.claimAll(proof, further, request, environment)
    },
  )
}

/** Claims proofs in one store, for the requests that carried them. */
class ProofClaims {
  readonly #store: ReplayStore
  readonly #allowsSafe: boolean
  readonly #counters: AnswerCounters

  constructor(store: ReplayStore, allowsSafe: boolean) {
    this.#store = store
    this.#allowsSafe = allowsSafe
    this.#counters = createAnswerCounters(store.name)
  }

  /** Claims a proof; at once when the store answers at once. */
  claim(proof: ProofFact, request: AgentRequest, environment: Environment): ReplayFacts | Promise<ReplayFacts> {
    const answer = claimOnce(this.#store, toClaim(proof), environment, request.raw)
    if (!isThenable(answer)) return this.#settle(answer, proof, request, environment)
    return answer.then((late) => this.#settle(late, proof, request, environment))
  }

  /** The other signatures of the request first: a thief who copied one of them and was faster has claimed the request. */
  async claimAll(
    proof: ProofFact,
    further: readonly ProofFact[],
    request: AgentRequest,
    environment: Environment,
  ): Promise<ReplayFacts> {
    for (const other of distinct(proof, further)) {
      const answer = await claimOnce(this.#store, toClaim(other), environment, request.raw)
      // What is unproven is refused by itself as well.
      if (answer !== 'unproven') this.#settle(answer, other, request, environment)
    }
    return this.claim(proof, request, environment)
  }

  #settle(answer: ClaimAnswer, proof: ProofFact, { method }: AgentRequest, { report }: Environment): ReplayFacts {
    const { name } = this.#store
    report(this.#counters[typeof answer === 'string' ? answer : 'unavailable'])
    if (answer === 'claimed') {
      return { freshness: { store: name, state: 'claimed', claimedUntil: proof.acceptUntil } }
    }
    if (typeof answer !== 'string' && this.#allowsSafe && isSafeMethod(method)) {
      return { freshness: { store: name, state: 'unchecked', claimedUntil: undefined } }
    }
    throw refusalOf(answer, REFUSALS)
  }
}

/** Signatures with one key and one nonce are one claim: they cannot be claimed one after the other. */
function distinct(proof: ProofFact, further: readonly ProofFact[]): readonly ProofFact[] {
  const ids = [toClaim(proof).id]
  return further.filter((other) => {
    const { id } = toClaim(other)
    if (ids.some((known) => Buffer.compare(known, id) === 0)) return false
    ids.push(id)
    return true
  })
}

/**
 * What makes a proof one of a kind: its scheme, its key and its nonce, or the signed bytes when it has no nonce.
 * SHA-256 over length-prefixed parts, so that no two sets of parts can be written alike.
 */
function toClaim(proof: ProofFact): ReplayClaim {
  const { scheme, thumbprint, nonce, created, acceptUntil } = proof
  // The kind keeps a nonce that looks like a hash apart from that hash. Read without a nonce only: it is made on demand.
  const last = nonce ?? proof.baseHash
  const kind = nonce === undefined ? 'base' : 'nonce'
  const parts = `${scheme.length}:${scheme}${thumbprint.length}:${thumbprint}${kind}${last.length}:${last}`
  // By way of a string: node gives a digest that is a Buffer memory of its own, which takes as long as the hash.
  const id = Buffer.from(hash('sha256', parts, 'binary'), 'latin1')
  return { id, thumbprint, created, acceptUntil, nonce }
}

type AnswerCounters = Readonly<Record<ClaimResult | 'unavailable', Measurement>>

/** One counter for each answer, made once; `unavailable` when there was none. */
function createAnswerCounters(store: string): AnswerCounters {
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
