import { parseHttpDate } from './http-date.ts'
import type { OutgoingRequest } from './outgoing-request.ts'
import type { RefusalDocument } from './read-refusal.ts'

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** Refusals of a guard, which stands in front of the application: nothing was done yet. */
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
export interface RetryLimits {
  readonly maxRetryDelaySeconds: number
}

/**
 * Milliseconds to wait before the next try of a request that was answered 429 or 503; `undefined` when there should be
 * none: it may have been done already, the wait is too long, or nobody says how long.
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
