import { type HeaderField, isMisconfigured, isRefusal } from '@countermark/core'
import type { SignableRequest } from '@countermark/signature'
import { AgentFetchError, isAgentFetchError } from '../agent-fetch-error.ts'
import type { OutgoingRequest } from '../fetch/outgoing-request.ts'

/** What a refusal asks to be signed, and what this agent is willing to sign. */
export interface Challenge {
  readonly nonce: string | undefined
  /** RFC 9421 only. */
  readonly label?: string
  /** RFC 9421 only: the components to cover, in this order. */
  readonly components?: readonly string[]
}

/** The moment at which a request is signed. */
export interface Occasion {
  /** Unix milliseconds, as the receiver's clock has it. */
  readonly nowMs: number
  /** Never used before: at least 128 random bits, or the receiver's own. */
  readonly nonce: string
  readonly challenge: Challenge | undefined
}

/** What ties a response to its request besides method and URL. */
export type ResponseBinding =
  | { readonly requestLabel: string }
  /** Components, with `;req`, of which one must be covered. */
  | { readonly oneOf: readonly string[] }

/** One of the ways to sign a request. */
export interface SigningForm {
  /** Lower-case names of the fields that the signature brings; no caller sets them. */
  readonly ownFields: ReadonlySet<string>
  /** Whether the hash of a body is enough, so that it need not be held. */
  readonly rereadsBlobs: boolean
  /** The fields to add to a request. */
  readonly sign: (
    request: OutgoingRequest,
    occasion: Occasion,
  ) => readonly HeaderField[] | Promise<readonly HeaderField[]>
  /** Reads a refusal; `undefined` when it asks for nothing, or for more than this agent signs. */
  readonly readChallenge: (sent: SignableRequest, response: Response) => Challenge | undefined
  /** What a response's signature must cover to belong to a request signed in this form. */
  readonly bindingOf: (challenge: Challenge | undefined) => ResponseBinding
}

/** What a caller is told when something could not be signed. A signer's own words may hold anything: they are the cause. */
export function toSigningFailure(what: string, cause: unknown): AgentFetchError {
  if (isAgentFetchError(cause)) return cause
  const reason = isRefusal(cause) || isMisconfigured(cause) ? cause.message : 'the signer failed'
  return new AgentFetchError('signing_failed', `${what} could not be signed: ${reason}`, { cause })
}

const PRINTABLE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

/** Whether a header field may have this value and a signature cover it (RFC 9421 section 2.5). */
export function isSignableValue(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value)
}

/** Fields that say for whom a request is made. They are signed whenever they are sent, whatever a challenge asks for. */
export const CREDENTIAL_FIELDS: readonly string[] = [
  'authorization',
  'dpop',
  'agent-delegation',
  'txn-token',
  'workload-identity-token',
]
