import type { RefusalDocument } from '../challenges/read-refusal.ts'
import type { OutgoingRequest } from './outgoing-request.ts'

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** Refusals of a guard in front of the application: nothing was done yet. */
const BEFORE_PROCESSING: ReadonlySet<string> = new Set([
  'audit_unavailable',
  'key_source_unavailable',
  'overloaded',
  'rate_limited',
  'replay_store_unavailable',
])

/** Whether doing a request twice equals doing it once. */
export function isRepeatable(request: OutgoingRequest): boolean {
  return IDEMPOTENT.has(request.method) || request.headers.some(([name]) => name === 'idempotency-key')
}

/** How long to wait before a request is worth another try. */
interface RetryLimits {
  readonly maxRetryDelaySeconds: number
}

/**
 * Milliseconds to wait before the next try of a request that was answered 429 or 503; `undefined` when there should be
 * none: it may have been done already, the wait is too long, or its length is unknown.
 */
export function retryDelayMs(input: {
  readonly request: OutgoingRequest
  readonly response: Response
  readonly refusal: RefusalDocument | undefined
  readonly retries: number
  readonly nowMs: number
  readonly limits: RetryLimits
}): number | undefined {
  const { request, response, refusal, retries, nowMs, limits } = input
  if (response.status !== 503 && response.status !== 429) return undefined
  const isEarlyRefusal = refusal !== undefined && BEFORE_PROCESSING.has(refusal.code)
  if (!isEarlyRefusal && !isRepeatable(request)) return undefined
  const asked = parseRetryAfter(response.headers.get('retry-after'), nowMs)
  const baseMs = asked ?? (isEarlyRefusal ? 1000 * 2 ** retries : Number.NaN)
  if (!(baseMs <= limits.maxRetryDelaySeconds * 1000)) return undefined
  // Later than asked, never earlier, so that those who were refused together do not come back together.
  return Math.round(baseMs + Math.random() * Math.max(250, baseMs / 4))
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000
  const dateMs = parseHttpDate(value)
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs)
}

/** Codes of refusals that a wrong clock explains. */
const TIME_CODES: ReadonlySet<string> = new Set(['signature_expired', 'signature_not_yet_valid', 'dpop_proof_invalid'])

/** Whether a refusal is, or may be, about the time of the signature or the proof. */
export function isAboutTime(code: string | undefined): boolean {
  return code !== undefined && TIME_CODES.has(code)
}

/** How far the clocks of others are ahead of ours. One entry for each allowed origin at most. */
export interface ClockOffsets {
  /** Milliseconds to add to our clock for an origin. */
  readonly offsetMs: (origin: string) => number
  /** Believes the `Date` of a response if it is near enough; tells whether it did. */
  readonly learn: (origin: string, response: Response, nowMs: number) => boolean
}

/** Remembers offsets up to a limit: what a server may claim about the time is bounded. */
export function createClockOffsets(maxClockSkewSeconds: number): ClockOffsets {
  const offsets = new Map<string, number>()
  return {
    offsetMs: (origin) => offsets.get(origin) ?? 0,
    learn: (origin, response, nowMs) => {
      // An answer out of a cache tells the time of another request.
      const dateMs = response.headers.has('age') ? Number.NaN : parseHttpDate(response.headers.get('date') ?? '')
      const offsetMs = dateMs - nowMs
      if (!(Math.abs(offsetMs) <= maxClockSkewSeconds * 1000)) return false
      offsets.set(origin, offsetMs)
      return true
    },
  }
}

const IMF_FIXDATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/

/** Unix milliseconds of a date as HTTP writes it (RFC 9110 section 5.6.7); NaN for anything else. */
function parseHttpDate(text: string): number {
  return IMF_FIXDATE.test(text) ? Date.parse(text) : Number.NaN
}
