/** Why something could not be had from elsewhere. A closed set, fit for a metric label. */
export const OUTBOUND_REASONS = [
  'url_refused',
  'address_refused',
  'dns_failed',
  'connection_failed',
  'deadline_exceeded',
  'redirected',
  'status_refused',
  'content_type_refused',
  'too_large',
  'too_deep',
  'malformed',
  'over_budget',
  'closed',
] as const

/** One of {@link OUTBOUND_REASONS}. */
export type OutboundReason = (typeof OUTBOUND_REASONS)[number]

const OUTBOUND_ERROR = Symbol.for('countermark.outbound-error')

/** What is known about a failure besides its reason. For operators: none of it goes into the message. */
export interface OutboundDetails {
  readonly cause?: unknown
  /** The status that was answered. */
  readonly status?: number
  /** The media type that was answered, lower-case, without parameters. */
  readonly contentType?: string | undefined
  /** What `Retry-After` asked for. */
  readonly retryAfterSeconds?: number | undefined
}

/** The one error of this package. The message names neither URL nor address. */
export class OutboundError extends Error {
  /** Tells this error apart. */
  override readonly name = 'OutboundError'
  /** What went wrong, as a closed word. */
  readonly reason: OutboundReason
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined
  /** The type of its content, if there was an answer. */
  readonly contentType: string | undefined
  /** When the other side wants to be asked again. Seconds. */
  readonly retryAfterSeconds: number | undefined

  constructor(reason: OutboundReason, message: string, details: OutboundDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.reason = reason
    this.status = details.status
    this.contentType = details.contentType
    this.retryAfterSeconds = details.retryAfterSeconds
    Object.defineProperty(this, OUTBOUND_ERROR, { value: true })
  }
}

/** Whether an error is an {@link OutboundError}, also one made by another copy of this package. */
export function isOutboundError(error: unknown): error is OutboundError {
  return typeof error === 'object' && error !== null && OUTBOUND_ERROR in error
}

/** These statuses are about the caller or the moment, not about what was asked for. */
const ABOUT_ALL: readonly number[] = [401, 407, 408, 425, 429]
const ABOUT_CONTENT: readonly OutboundReason[] = ['too_large', 'too_deep', 'malformed']

/**
 * Whether a failure says something about the one thing that was asked for, and nothing about the origin: a status 4xx, or a
 * document that cannot be read. Strangers choose what is asked for.
 */
export function isAboutOne(error: unknown): boolean {
  if (!isOutboundError(error)) return false
  const { status = 0, reason } = error
  if (status >= 400 && status < 500) return !ABOUT_ALL.includes(status)
  return ABOUT_CONTENT.includes(reason)
}
