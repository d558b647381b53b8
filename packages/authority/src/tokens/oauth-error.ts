import { isRefusal, isUnavailable } from '@countermark/core'

/** Why a request for a token, or about one, is refused (RFC 6749 section 5.2 unless another source is named). */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  /** RFC 8707 section 2. */
  | 'invalid_target'
  /** RFC 9396 section 5. */
  | 'invalid_authorization_details'
  /** OAuth Actor Profile: the subject lets this actor not act. */
  | 'actor_unauthorized'
  /** RFC 9449 section 5. */
  | 'invalid_dpop_proof'
  /** RFC 9449 section 8. */
  | 'use_dpop_nonce'
  /** RFC 6749 section 4.1.2.1: the person says no. */
  | 'access_denied'
  /** RFC 6585 section 4. */
  | 'rate_limited'
  | 'temporarily_unavailable'
  | 'server_error'

const STATUS: Readonly<Record<OAuthErrorCode, number>> = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_authorization_details: 400,
  actor_unauthorized: 400,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  access_denied: 400,
  rate_limited: 429,
  temporarily_unavailable: 503,
  server_error: 500,
}

/** Every code, for the labels of metrics. */
export const OAUTH_ERROR_CODES = Object.keys(STATUS) as readonly OAuthErrorCode[]

/** Answered as JSON with the code's status. The message is public: what was expected, never a value that was sent. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: OAuthErrorCode,
    message: string,
    details: { readonly cause?: unknown; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.status = STATUS[code]
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

/**
 * What a check of ours refuses, in OAuth's words: a dependency that fails is not the caller's fault.
 * @param code what a refusal means where it was made
 */
export function toOAuthError(error: unknown, code: OAuthErrorCode): OAuthError {
  if (error instanceof OAuthError) return error
  if (isUnavailable(error)) {
    const { retryAfterSeconds = 1 } = error
    return new OAuthError('temporarily_unavailable', error.message, { cause: error, retryAfterSeconds })
  }
  if (!isRefusal(error)) throw error
  if (error.code === 'config_error')
    return new OAuthError('server_error', 'the server is configured wrongly', { cause: error })
  return new OAuthError(code, error.message, { cause: error })
}

/**
 * The same for what is answered. What is no refusal is a fault of ours: the operator is told what it was, the caller that there
 * is one.
 */
export function toAnswerable(error: unknown, onFault: (error: unknown) => void): OAuthError {
  try {
    return toOAuthError(error, 'invalid_request')
  } catch (cause) {
    onFault(cause)
    return new OAuthError('server_error', 'the authority has a fault', { cause })
  }
}
