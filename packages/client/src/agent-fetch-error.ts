/** Why an agent's fetch rejected. Each has a row in the README of this package. */
export type AgentFetchErrorCode =
  | 'request_invalid'
  | 'origin_not_allowed'
  | 'redirect_refused'
  | 'too_many_redirects'
  | 'body_too_large'
  | 'signing_failed'
  | 'response_unsigned'
  | 'response_invalid'
  | 'response_too_large'
  | 'token_refused'
  | 'token_unavailable'
  | 'token_unusable'
  | 'enrolment_refused'
  | 'authority_unavailable'
  | 'identity_unusable'

// A program may load two copies of this package, and `instanceof` knows one of them.
const AGENT_FETCH_ERROR = Symbol.for('countermark.agentFetchError')

/**
 * Nothing trustworthy came back, or nothing was sent. The message holds no key, token, signature or header value. What
 * the network does to a request is told by the `fetch` underneath, in its own words.
 */
export class AgentFetchError extends Error {
  /** Tells this error apart. */
  override readonly name = 'AgentFetchError'
  /** What went wrong, as a closed word. */
  readonly code: AgentFetchErrorCode
  /** The response that was not believed. Its body may have been read. */
  readonly response: Response | undefined
  /** What the authorization server said (RFC 6749 section 5.2), such as `invalid_scope`; with `token_refused` only. */
  readonly oauthError: string | undefined

  constructor(
    code: AgentFetchErrorCode,
    message: string,
    details: { readonly cause?: unknown; readonly response?: Response; readonly oauthError?: string } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.response = details.response
    this.oauthError = details.oauthError
    Object.defineProperty(this, AGENT_FETCH_ERROR, { value: true })
  }
}

/** Whether an error is {@link AgentFetchError}, also one made by another copy of this package. */
export function isAgentFetchError(error: unknown): error is AgentFetchError {
  return typeof error === 'object' && error !== null && AGENT_FETCH_ERROR in error
}
