import { hash } from 'node:crypto'
import {
  type AgentKey,
  type AgentRequest,
  type Check,
  defineCheck,
  isRefusal,
  isUnavailable,
  Misconfigured,
  type ProofFact,
  Refusal,
} from '@countermark/core'
import { type GuardDescription, isThenable, type SignatureAlgorithm, then } from '@countermark/core/internal'
import { METRIC_ROWS } from './metric-rows.ts'
import { readSignatureOptions, type VerifySignatureOptions } from './signature-options.ts'
import {
  type Candidate,
  challengeKindOf,
  challengesOf,
  describeForms,
  type SignatureFacts,
  type SignatureScheme,
} from './signature-scheme.ts'
import { verifyWithKeys } from './verify-with-keys.ts'

/**
 * Checks who signed the request. Answers at once when the key is cached and the body is absent or here.
 * @example guard(verifySignature({ keys: staticKeys([…]) }), preventReplay({ store }))
 * @throws Misconfigured
 */
export function verifySignature(options: VerifySignatureOptions): Check<object, SignatureFacts> {
  const { keys, accept, algorithms, replay, queue, revocations, description } = readSignatureOptions(options)
  return defineCheck(
    {
      name: 'verifySignature',
      needs: [],
      adds: ['agent', 'proof'],
      settings: description,
      metrics: [...METRIC_ROWS, ...(keys.metrics ?? [])],
      metadata: { agent_signatures: describeForms(accept, algorithms) },
      challenge: (context) => challengesOf(accept, context),
      challengeKind: (_refusal, request) => challengeKindOf(accept, request),
      inspect: (guard) => {
        requireReplayCheck(guard, replay)
        if (guard.clock !== undefined) revocations?.useClock?.(guard.clock)
      },
    },
    (request, _facts, environment) => {
      const candidates = selectForm(accept, request).readCandidates(request, environment)
      const verify = (candidate: Candidate): SignatureFacts | Promise<SignatureFacts> =>
        verifyWithKeys({
          signed: candidate,
          keys,
          environment,
          algorithms,
          revocations,
          queue,
          request,
          accept: (key, base) =>
            then(candidate.checkContent(), () => ({
              agent: { id: key.agent.id, level: candidate.level, scheme: candidate.scheme, record: key.agent },
              proof: new Proof(candidate, key, base),
            })),
        })
      const [lone] = candidates
      return candidates.length === 1 && lone !== undefined ? verify(lone) : verifyFrom(candidates, 0, verify, undefined)
    },
  )
}

/** The form is chosen by what is present, never by what would succeed: no falling back to a weaker one. */
function selectForm(accept: readonly SignatureScheme[], request: AgentRequest): SignatureScheme {
  const isHttpsig = request.headers.has('signature-input')
  for (const scheme of accept) {
    if ((!isHttpsig || scheme.name === 'httpsig') && scheme.isPresented(request)) return scheme
  }
  if (isHttpsig || request.headers.has('signature')) {
    throw new Refusal('scheme_not_allowed', `accepted here: ${accept.map(({ name }) => name).join(', ')}`)
  }
  throw new Refusal('credentials_missing', 'the request is not signed')
}

type Verify = (candidate: Candidate) => SignatureFacts | Promise<SignatureFacts>

/**
 * The first candidate that holds decides, and those behind it are claimed with it. When none holds, the caller learns the
 * first one's refusal.
 */
function verifyFrom(
  candidates: readonly Candidate[],
  index: number,
  verify: Verify,
  first: unknown,
): SignatureFacts | Promise<SignatureFacts> {
  const next = candidates[index]
  if (next === undefined || next.shortfall !== undefined) throw first
  const settle = (facts: SignatureFacts): Promise<SignatureFacts> =>
    withFurtherProofs(facts, candidates.slice(index + 1), verify)
  const goOn = (error: unknown): SignatureFacts | Promise<SignatureFacts> => {
    if (!isRefusal(error)) throw error
    return verifyFrom(candidates, index + 1, verify, first ?? error)
  }
  try {
    const outcome = verify(next)
    return isThenable(outcome) ? outcome.then(settle, goOn) : settle(outcome)
  } catch (error) {
    return goOn(error)
  }
}

/** A copy of the request could leave the deciding signature out and present another one alone. */
async function withFurtherProofs(
  facts: SignatureFacts,
  others: readonly Candidate[],
  verify: Verify,
): Promise<SignatureFacts> {
  const further: ProofFact[] = []
  for (const other of others) {
    try {
      const { proof } = await verify(other)
      further.push(proof)
    } catch (error) {
      // What does not hold is worth nothing alone either; where it cannot be told now, it may hold later.
      if (!isRefusal(error) || isUnavailable(error)) throw error
    }
  }
  return further.length === 0 ? facts : { ...facts, proof: Object.assign(facts.proof, { further }) }
}

/** A class, because the hash of the base is worked out only when it is read: where there is a nonce, it seldom is. */
class Proof implements ProofFact {
  readonly scheme: ProofFact['scheme']
  readonly keyId: string
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  readonly created: number
  readonly acceptUntil: number
  readonly nonce: string | undefined
  readonly label: string | undefined
  readonly tag: string | undefined
  readonly parameters: ProofFact['parameters']
  readonly signed: ProofFact['signed']
  readonly keyNotAfter: number | undefined
  readonly publicKey: ProofFact['publicKey']
  readonly covers: ProofFact['covers']
  readonly further: readonly ProofFact[] | undefined
  // A member of the object itself, so that copies have it; one getter for all, so that all proofs look alike to the engine.
  declare readonly baseHash: string
  readonly #candidate: Candidate
  #baseHash: string | undefined

  constructor(candidate: Candidate, key: AgentKey, base: Uint8Array) {
    this.scheme = candidate.scheme
    this.keyId = key.keyId
    this.thumbprint = key.thumbprint
    this.algorithm = key.algorithm
    this.created = candidate.created
    this.acceptUntil = candidate.acceptUntil
    this.nonce = candidate.nonce
    this.label = candidate.label
    this.tag = candidate.tag
    this.parameters = candidate.parameters
    this.signed = { base, signature: candidate.signature }
    this.keyNotAfter = key.notAfter
    this.publicKey = key.publicKey
    this.covers = candidate.covers
    this.further = undefined
    this.#candidate = candidate
    this.#baseHash = undefined
    Object.defineProperty(this, 'baseHash', BASE_HASH)
  }

  static baseHashOf(proof: Proof): string {
    const { base } = proof.signed
    proof.#baseHash ??= hash('sha256', proof.#candidate.replayIdentity?.(base) ?? base, 'base64')
    return proof.#baseHash
  }
}

const BASE_HASH: PropertyDescriptor & ThisType<Proof> = {
  enumerable: true,
  get(): string {
    return Proof.baseHashOf(this)
  },
}

function requireReplayCheck({ checks }: GuardDescription, replay: 'elsewhere' | undefined): void {
  if (replay === 'elsewhere' || checks.some(({ adds }) => adds.includes('freshness'))) return
  throw new Misconfigured(
    'ERR_REPLAY_MISSING',
    "verifySignature alone accepts a captured request again; add preventReplay({ store }) or say replay: 'elsewhere'",
  )
}
