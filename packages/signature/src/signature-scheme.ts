import type { AgentRequest, Environment, HeaderField, KeyQuery, Level, ProofFact, Refusal } from '@countermark/core'
import type {
  ChallengeContext,
  JsonValue,
  ResourceMetadata,
  Scheme,
  SignatureAlgorithm,
} from '@countermark/core/internal'

/** One accepted way to sign a request. */
export interface SignatureScheme {
  readonly name: Scheme
  /** How it was set up: part of the guard's configuration hash. */
  readonly settings?: Readonly<Record<string, JsonValue>>
  /** Whether the request presents this form, judged by the presence of header fields alone. */
  readonly isPresented: (request: AgentRequest) => boolean
  /**
   * Parses and checks shape, time, coverage and the presence of a nonce: cheap, needs no key and no body. One candidate
   * for each signature worth verifying: at most two that decide, before at most two that do not.
   * @throws Refusal
   */
  readonly readCandidates: (request: AgentRequest, environment: Environment) => readonly Candidate[]
  /** What this form accepts, for the `agent_auth` member of the service's RFC 9728 document. */
  readonly metadata?: ResourceMetadata
  /** Header fields that tell a refused caller how to sign. */
  readonly challenge: (context: ChallengeContext) => readonly HeaderField[]
  /** What they depend on: see `challengeKind` of a check. @default every refusal gets a challenge of its own */
  readonly challengeKind?: (request: AgentRequest) => string | undefined
}

/** A signature that is well formed, in time and covers enough; whether it holds is not known yet. */
export interface Candidate {
  readonly scheme: Scheme
  /** What the signature proves when it holds: `identified` for a bare Web Bot Auth signature, else `signed`. */
  readonly level: Level
  /**
   * Why it does not decide, though it may hold: it covers too little. It is used up with the one that decides, so that it
   * cannot be presented alone later, on a request for which it covers enough.
   */
  readonly shortfall?: Refusal | undefined
  /** The keys to look for: the agent when the request names one, the key id when the signature does. */
  readonly query: KeyQuery
  /** The algorithm as the message states it. */
  readonly algorithm: SignatureAlgorithm | undefined
  /** The algorithms this form may be used with. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds: the last moment at which this signature is accepted. */
  readonly acceptUntil: number
  readonly nonce: string | undefined
  /** Signature label and tag, for RFC 9421 only. */
  readonly label: string | undefined
  readonly tag: string | undefined
  /** All parameters, for RFC 9421 only. */
  readonly parameters?: ProofFact['parameters']
  readonly signature: Uint8Array
  /** The signed bytes; a promise only when they depend on a body that has not come yet. */
  readonly base: () => Uint8Array | Promise<Uint8Array>
  /**
   * The bytes whose SHA-256 becomes `proof.baseHash`, where the signed bytes alone are too little to tell two proofs
   * apart.
   * @default the signed bytes
   */
  readonly replayIdentity?: (base: Uint8Array) => Uint8Array
  /**
   * Checks what the signature vouches for but does not contain, such as the body against its digest. Called after the
   * signature held.
   * @throws Refusal
   */
  readonly checkContent: () => void | Promise<void>
  /** Whether the signature covers a component, such as `content-type` or `@query`. */
  readonly covers: (component: string) => boolean
}
