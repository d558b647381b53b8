import {
  type AgentRequest,
  type Check,
  defineCheck,
  type HeaderField,
  isRefusal,
  isUnavailable,
  type KeySource,
  Misconfigured,
  type ProofFact,
  Refusal,
  requireKnownOptions,
} from '@countermark/core'
import {
  type GuardDescription,
  isThenable,
  type JsonValue,
  mergeResourceMetadata,
  type ResourceMetadata,
  rowOf,
  type SignatureAlgorithm,
  stateSettings,
} from '@countermark/core/internal'
import { HTTP_SIGNATURES_OPTIONS, requireAlgorithms } from './http-signature-settings.ts'
import { httpSignatures } from './http-signatures.ts'
import { type Case, judgeCandidate } from './judge-candidate.ts'
import { METRIC_ROWS } from './metric-rows.ts'
import type { SignatureFacts } from './signature-facts.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { followRevocations, requireUnrevoked, type SignerRevocations } from './signer-revocations.ts'
import { simpleHeaders } from './simple-headers.ts'
import { createVerificationQueue, type VerificationQueue } from './verification-queue.ts'

/** Options of {@link verifySignature}. */
export interface VerifySignatureOptions {
  /** Where public keys come from. */
  readonly keys: KeySource
  /** The forms to accept. @default [httpSignatures(), simpleHeaders({ version: 1 })] */
  readonly accept?: readonly SignatureScheme[]
  /** Narrows what the forms allow. @default what each form allows */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Revoked agents and keys are refused at once, and key sources forget them. @default what the key sources say */
  readonly revocations?: SignerRevocations
  /** Says that replays are caught somewhere else; without it the guard must also hold a check that catches them. */
  readonly replay?: 'elsewhere'
  /** Spreads verification under load; guards may share one. @default createVerificationQueue() */
  readonly queue?: VerificationQueue
}

/**
 * Checks who signed the request. Answers at once when the key is cached and the body is absent or here.
 * @example guard(verifySignature({ keys: staticKeys([…]) }), preventReplay({ store }))
 * @throws Misconfigured
 */
export function verifySignature(options: VerifySignatureOptions): Check<object, SignatureFacts> {
  const { keys, accept, algorithms, replay, queue, revocations } = validOptions(options)
  const judge = { keys, algorithms, queue }
  return defineCheck(
    {
      name: 'verifySignature',
      needs: [],
      adds: ['agent', 'proof'],
      settings: stateSignatureSettings(accept, options),
      metrics: [...METRIC_ROWS, ...(keys.metrics ?? [])],
      metadata: { agent_auth: describeForms(accept, algorithms) },
      challenge: (context) =>
        isAboutSignatures(context.refusal)
          ? withoutRepetition(accept.flatMap((scheme) => scheme.challenge(context)))
          : [],
      challengeKind: (_refusal, request) => challengeKindOf(accept, request),
      inspect: (guard) => {
        requireReplayCheck(guard, replay)
        if (guard.clock !== undefined) revocations?.useClock?.(guard.clock)
      },
    },
    (request, _facts, environment) => {
      const candidates = selectScheme(accept, request).readCandidates(request, environment)
      const facts = judgeFrom(
        candidates.map((candidate) => ({ candidate, request, environment, judge })),
        undefined,
      )
      if (revocations === undefined) return facts
      const settle = (known: SignatureFacts): SignatureFacts => {
        const { agent, proof } = known
        const { thumbprint, created } = proof
        requireUnrevoked({ agentId: agent.id, thumbprint, created }, revocations, request.method)
        return known
      }
      return isThenable(facts) ? facts.then(settle) : settle(facts)
    },
  )
}

function challengeKindOf(accept: readonly SignatureScheme[], request: AgentRequest): string | undefined {
  let kind = ''
  for (const scheme of accept) {
    const own = scheme.challengeKind?.(request)
    if (own === undefined) return undefined
    kind += `${own},`
  }
  return kind
}

function stateSignatureSettings(
  accept: readonly SignatureScheme[],
  options: VerifySignatureOptions,
): Readonly<Record<string, JsonValue>> {
  const forms = accept.map(({ name, settings = {} }) => ({ name, settings }))
  return { ...stateSettings(options, ['keys', 'algorithms', 'revocations', 'replay']), accept: forms }
}

/** The form is chosen by what is present, never by what would succeed: no falling back to a weaker one. */
function selectScheme(accept: readonly SignatureScheme[], request: AgentRequest): SignatureScheme {
  const isHttpsig = request.headers.has('signature-input')
  for (const scheme of accept) {
    if ((!isHttpsig || scheme.name === 'httpsig') && scheme.isPresented(request)) return scheme
  }
  if (isHttpsig || request.headers.has('signature')) {
    throw new Refusal('scheme_not_allowed', `accepted here: ${accept.map(({ name }) => name).join(', ')}`)
  }
  throw new Refusal('credentials_missing', 'the request is not signed')
}

/**
 * The first candidate that holds decides, and those behind it are used up with it; when none holds, the first one's refusal
 * is what the caller learns.
 */
function judgeFrom(cases: readonly Case[], first: unknown): SignatureFacts | Promise<SignatureFacts> {
  const [next, ...others] = cases
  if (next === undefined || next.candidate.shortfall !== undefined) throw first
  if (others.length === 0 && first === undefined) return judgeCandidate(next)
  const settle = (facts: SignatureFacts): Promise<SignatureFacts> => withFurtherProofs(facts, others)
  const goOn = (error: unknown): SignatureFacts | Promise<SignatureFacts> => {
    if (!isRefusal(error)) throw error
    return judgeFrom(others, first ?? error)
  }
  try {
    const outcome = judgeCandidate(next)
    return isThenable(outcome) ? outcome.then(settle, goOn) : settle(outcome)
  } catch (error) {
    return goOn(error)
  }
}

/** Whoever copied the request could take the deciding signature away and present another one alone. */
async function withFurtherProofs(facts: SignatureFacts, others: readonly Case[]): Promise<SignatureFacts> {
  const further: ProofFact[] = []
  for (const other of others) {
    try {
      const { proof } = await judgeCandidate(other)
      further.push(proof)
    } catch (error) {
      // What does not hold is worth nothing alone either; where nobody can tell now, it may be later.
      if (!isRefusal(error) || isUnavailable(error)) throw error
    }
  }
  return further.length === 0 ? facts : { ...facts, proof: Object.assign(facts.proof, { further }) }
}

function requireReplayCheck({ checks }: GuardDescription, replay: 'elsewhere' | undefined): void {
  if (replay === 'elsewhere' || checks.some(({ adds }) => adds.includes('freshness'))) return
  throw new Misconfigured(
    'ERR_REPLAY_MISSING',
    "verifySignature alone accepts a captured request again; add preventReplay({ store }) or say replay: 'elsewhere'",
  )
}

/** Whether a signature made otherwise could help: a token, or a proof of possession, is nothing that signing mends. */
function isAboutSignatures({ code, credential }: Refusal): boolean {
  if (credential !== undefined) return credential === 'signature'
  return code === 'credentials_missing' || rowOf(code)?.signatureError !== undefined
}

/** What all forms accept, in the words of the profile (section 16.2). */
function describeForms(
  accept: readonly SignatureScheme[],
  algorithms: readonly SignatureAlgorithm[] | undefined,
): ResourceMetadata {
  const forms = accept.map(({ name, metadata = {} }) => ({ schemes: [name], ...metadata }))
  const merged = mergeResourceMetadata([{ profile: '1' }, ...forms])
  return algorithms === undefined ? merged : { ...merged, signature_algorithms: algorithms }
}

function withoutRepetition(fields: readonly HeaderField[]): readonly HeaderField[] {
  const seen = new Set<string>()
  return fields.filter(([name, value]) => seen.size !== seen.add(`${name.toLowerCase()}: ${value}`).size)
}

interface Settings {
  readonly keys: KeySource
  readonly accept: readonly SignatureScheme[]
  readonly algorithms: readonly SignatureAlgorithm[] | undefined
  readonly replay: 'elsewhere' | undefined
  readonly queue: VerificationQueue
  readonly revocations: SignerRevocations | undefined
}

const OPTIONS = ['keys', 'accept', 'algorithms', 'revocations', 'replay', 'queue']

function validOptions(options: VerifySignatureOptions): Settings {
  refuseOptionsOfForms(options)
  requireKnownOptions('verifySignature', options, OPTIONS)
  const {
    keys,
    accept = [httpSignatures(), simpleHeaders({ version: 1 })],
    algorithms,
    replay,
    queue,
    revocations,
  } = options
  if (typeof keys?.findKeys !== 'function') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'keys must be a source of keys, such as staticKeys([…])')
  }
  followRevocations(revocations, keys)
  if (accept.length === undefined || accept.length === 0) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'accept must list at least one form, such as httpSignatures()')
  }
  if (replay !== undefined && replay !== 'elsewhere') {
    throw new Misconfigured('ERR_OPTION_INVALID', "replay can only be 'elsewhere'")
  }
  return {
    keys,
    accept,
    algorithms: algorithms === undefined ? undefined : requireAlgorithms(algorithms),
    replay,
    revocations,
    queue: queue ?? createVerificationQueue(),
  }
}

/** What a form decides, written where the check is made: the names are right, so the remedy is known. */
function refuseOptionsOfForms(options: VerifySignatureOptions): void {
  if (typeof options !== 'object' || options === null) return
  const stray = Object.keys(options).find(
    (name) => !OPTIONS.includes(name) && HTTP_SIGNATURES_OPTIONS.some((option) => option === name),
  )
  if (stray === undefined) return
  const fix = `write accept: [httpSignatures({ ${stray} })]`
  throw new Misconfigured('ERR_OPTION_UNKNOWN', `verifySignature has no option ${stray}; ${fix}`)
}
