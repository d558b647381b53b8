import type { AgentFact, AgentRequest, Environment, HeaderField, Level, ProofFact, Refusal } from '@countermark/core'
import {
  type ChallengeContext,
  type JsonValue,
  mergeResourceMetadata,
  type ResourceMetadata,
  rowOf,
  type Scheme,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import type { SignedBytes } from './verify-with-keys.ts'

/** What a valid signature establishes: who calls, and what was signed. */
export interface SignatureFacts {
  /** Who signed. */
  readonly agent: AgentFact
  /** What the key signed. */
  readonly proof: ProofFact
}

/** One accepted way to sign a request. */
export interface SignatureScheme {
  /** Its name in facts, metrics and audit records. */
  readonly name: Scheme
  /** How it was set up: part of the guard's configuration hash. */
  readonly settings?: Readonly<Record<string, JsonValue>>
  /** Whether the request presents this form, by the presence of header fields alone. */
  readonly isPresented: (request: AgentRequest) => boolean
  /**
   * Parses and checks shape, time, coverage and the presence of a nonce: cheap, needs no key and no body. One candidate
   * for each signature worth verifying: at most two that decide, before at most two that do not.
   * @throws Refusal
   */
  readonly readCandidates: (request: AgentRequest, environment: Environment) => readonly Candidate[]
  /** What this form accepts, for the `agent_signatures` member of the service's RFC 9728 document. */
  readonly metadata?: ResourceMetadata
  /** Header fields that tell a refused caller how to sign. */
  readonly challenge: (context: ChallengeContext) => readonly HeaderField[]
  /** What they depend on: see `challengeKind` of a check. @default every refusal gets a challenge of its own */
  readonly challengeKind?: (request: AgentRequest) => string | undefined
}

/** A signature that is well formed, in time and covers enough; whether it holds is not known yet. */
export interface Candidate extends SignedBytes {
  readonly scheme: Scheme
  /** What the signature proves when it holds: `identified` for a bare Web Bot Auth signature, else `signed`. */
  readonly level: Level
  /**
   * Why it does not decide, though it may hold: it covers too little. It is claimed with the one that decides, so that it
   * cannot be presented alone later, on a request for which it covers enough.
   */
  readonly shortfall?: Refusal | undefined
  /** Unix seconds: the last moment at which this signature is accepted. */
  readonly acceptUntil: number
  readonly nonce: string | undefined
  /** Label, tag and all parameters of the signature, for RFC 9421 only. */
  readonly label: string | undefined
  readonly tag: string | undefined
  readonly parameters?: ProofFact['parameters']
  /**
   * The bytes whose SHA-256 becomes `proof.baseHash`, where the signed bytes alone are too little to tell two proofs
   * apart.
   * @default the signed bytes
   */
  readonly replayIdentity?: ((base: Uint8Array) => Uint8Array) | undefined
  /**
   * Checks what the signature vouches for but does not contain, such as the body against its digest. Called after the
   * signature held.
   * @throws Refusal
   */
  readonly checkContent: () => void | Promise<void>
  /** Whether the signature covers a component, such as `content-type` or `@query`. */
  readonly covers: (component: string) => boolean
}

/** What all forms accept, in the words of the profile (section 16.2). */
export function describeForms(
  accept: readonly SignatureScheme[],
  algorithms: readonly SignatureAlgorithm[] | undefined,
): ResourceMetadata {
  const forms = accept.map(({ name, metadata = {} }) => ({ schemes: [name], ...metadata }))
  const merged = mergeResourceMetadata([{ profile: '1' }, ...forms])
  return algorithms === undefined ? merged : { ...merged, signature_algorithms: algorithms }
}

/** The challenges of all forms, each field once. */
export function challengesOf(accept: readonly SignatureScheme[], context: ChallengeContext): readonly HeaderField[] {
  if (!isAboutSignatures(context.refusal)) return []
  const seen = new Set<string>()
  return accept
    .flatMap((scheme) => scheme.challenge(context))
    .filter(([name, value]) => seen.size !== seen.add(`${name.toLowerCase()}: ${value}`).size)
}

/** Whether a signature made otherwise could help: a token, or a proof of possession, is nothing that signing mends. */
function isAboutSignatures({ code, credential }: Refusal): boolean {
  if (credential !== undefined) return credential === 'signature'
  return code === 'credentials_missing' || rowOf(code)?.signatureError !== undefined
}

/** What the challenges depend on; `undefined` when one of the forms cannot tell. */
export function challengeKindOf(accept: readonly SignatureScheme[], request: AgentRequest): string | undefined {
  let kind = ''
  for (const scheme of accept) {
    const own = scheme.challengeKind?.(request)
    if (own === undefined) return undefined
    kind += `${own},`
  }
  return kind
}
