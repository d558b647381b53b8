import type { ForeignSchemes } from '../credential-scheme.ts'
import type { PolicyFact } from '../policy-fact.ts'
import type { RefusalCode } from './codes.ts'

const REFUSAL = Symbol.for('countermark.refusal')
const UNAVAILABLE = Symbol.for('countermark.unavailable')

/** What a caller presents: a signature over the request, or a token with what proves that it is the caller's. */
export type Credential = 'signature' | 'token' | keyof ForeignSchemes

/** What may accompany a refusal. A member reaches the caller only where its description says: sent. */
export interface RefusalDetails {
  /** The error underneath, for operators. */
  readonly cause?: unknown
  /** Seconds for `Retry-After`. Sent. */
  readonly retryAfterSeconds?: number
  /** Which credential is at fault, where the code alone does not say: only checks of that one offer a remedy. */
  readonly credential?: Credential
  /** Parameters for challenges, such as the components a signature must cover. Sent by the check that understands them. */
  readonly hints?: Readonly<Record<string, unknown>>
  /** More members of the problem document (RFC 9457 section 3.2). Sent. */
  readonly members?: Readonly<Record<string, unknown>>
  /** The agent whose key the request names, when there is such a key: for metrics and audit, proven by nothing. */
  readonly claimedAgent?: string | undefined
  /** A dependency's fault that the caller's network brought about all the same: it counts for `sourceLimit`. @default false */
  readonly isOfSource?: boolean
  /** What a policy said that refused: for metrics and audit. */
  readonly policy?: PolicyFact | undefined
  /** What a developer needs, such as the signature base. Sent in development mode only. */
  readonly diagnosis?: Readonly<Record<string, unknown>>
}

/** No hints and no members. */
export const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({})

/** The agent's fault: answered with the code's status. The message is public: it names what was expected, never a value. */
export class Refusal extends Error {
  /** Tells this error apart; `isRefusal` does so across copies of the package. */
  override readonly name: string = 'Refusal'
  /** Why, as a closed word: each has a heading in docs/refusals.md. Sent. */
  readonly code: RefusalCode
  /** When to try again. Seconds. Sent. */
  readonly retryAfterSeconds: number | undefined
  /** Which credential is at fault, where the code alone does not say. */
  readonly credential: Credential | undefined
  /** Parameters for challenges. */
  readonly hints: Readonly<Record<string, unknown>>
  /** More members of the problem document. Sent. */
  readonly members: Readonly<Record<string, unknown>>
  /** The agent whose key the request names: proven by nothing. */
  readonly claimedAgent: string | undefined
  /** Whether it counts for `sourceLimit` although a dependency failed. */
  readonly isOfSource: boolean
  /** What a policy said that refused: for metrics and audit. */
  readonly policy: PolicyFact | undefined
  /** What a developer needs. Sent in development mode only. */
  readonly diagnosis: Readonly<Record<string, unknown>> | undefined

  constructor(code: RefusalCode, message: string, details: RefusalDetails = {}) {
    // Refusals are answers, made by the thousand under attack: collecting a stack would cost more than the rest of them.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    Error.stackTraceLimit = limit
    this.code = code
    this.retryAfterSeconds = details.retryAfterSeconds
    this.credential = details.credential
    this.hints = details.hints ?? NOTHING
    this.members = details.members ?? NOTHING
    this.claimedAgent = details.claimedAgent
    this.isOfSource = details.isOfSource ?? false
    this.policy = details.policy
    this.diagnosis = details.diagnosis
  }
}

Object.defineProperty(Refusal.prototype, REFUSAL, { value: true })

/** A dependency's fault: answered with 503 and `Retry-After`. `dependency` is a closed word such as `keys` or `replay`. */
export class Unavailable extends Refusal {
  /** Tells this error apart. */
  override readonly name = 'Unavailable'
  /** What did not answer, as a closed word such as `keys` or `replay`. */
  readonly dependency: string

  constructor(code: RefusalCode, dependency: string, message: string, details: RefusalDetails = {}) {
    super(code, message, { retryAfterSeconds: 1, ...details })
    this.dependency = dependency
  }
}

Object.defineProperty(Unavailable.prototype, UNAVAILABLE, { value: true })

/** Whether an error is a {@link Refusal}, also one made by another copy of this package. */
export function isRefusal(error: unknown): error is Refusal {
  return typeof error === 'object' && error !== null && REFUSAL in error
}

/** Whether a refusal is a dependency's fault, also one made by another copy of this package. */
export function isUnavailable(error: unknown): error is Unavailable {
  return typeof error === 'object' && error !== null && UNAVAILABLE in error
}
