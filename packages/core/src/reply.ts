import type { HeaderField } from './check.ts'
import { isUnavailable, type Refusal } from './refusal.ts'
import { REFUSAL_CODES, type RefusalRow } from './refusal-codes.ts'

/** Which status a code gets. `standard`: 401 with challenges; `wba`: 403 and 429 as Web Bot Auth has it; `seed`: invalid is 403. */
export type StatusMode = 'standard' | 'wba' | 'seed'

/** What the body tells: the exact code; the code and a sentence; or fewer codes, so that nobody can probe for agents. */
export type ErrorDetail = 'code' | 'full' | 'minimal'

/** How refusals are written. */
export interface ReplyOptions {
  readonly statusMode: StatusMode
  readonly errorDetail: ErrorDetail
  readonly development: boolean
  readonly refusals: Readonly<Record<string, RefusalRow>>
}

/** An answer to send as it is. */
export interface Reply {
  readonly status: number
  readonly headers: readonly HeaderField[]
  readonly body: string
}

/** Codes that would tell a stranger which agents and keys exist. */
const MERGED: Readonly<Record<string, string>> = {
  key_unknown: 'signature_invalid',
  key_revoked: 'signature_invalid',
  key_expired: 'signature_invalid',
  key_not_yet_valid: 'signature_invalid',
  key_invalid: 'signature_invalid',
  agent_mismatch: 'signature_invalid',
  agent_suspended: 'signature_invalid',
}

const EXPOSED = 'WWW-Authenticate, Accept-Signature, Signature-Error, Want-Content-Digest, Retry-After'

/** The row of a code, from this repository or registered by `createGuard({ refusals })`. */
export function rowOf(code: string, options: Pick<ReplyOptions, 'refusals'>): RefusalRow {
  if (Object.hasOwn(REFUSAL_CODES, code)) return REFUSAL_CODES[code as keyof typeof REFUSAL_CODES]
  if (Object.hasOwn(options.refusals, code)) return options.refusals[code] as RefusalRow
  return REFUSAL_CODES.config_error
}

/** The code that the caller is told. Logs, metrics and the audit trail keep the exact one. */
export function publicCode(code: string, options: ReplyOptions): string {
  return options.errorDetail === 'minimal' ? (MERGED[code] ?? code) : code
}

/** The status of a refusal. */
export function statusOf(code: string, options: ReplyOptions): number {
  const row = rowOf(publicCode(code, options), options)
  if (options.statusMode === 'wba') return row.wba ?? row.status
  return options.statusMode === 'seed' ? (row.seed ?? row.status) : row.status
}

/** Writes a refusal as problem+json (RFC 9457) with its challenges. */
export function replyTo(
  refusal: Refusal,
  context: {
    readonly requestId: string
    readonly realm: string
    readonly cors: boolean
    readonly challenges: readonly HeaderField[]
  },
  options: ReplyOptions,
): Reply {
  const status = statusOf(refusal.code, options)
  const headers: HeaderField[] = [
    ['Content-Type', 'application/problem+json'],
    ['Cache-Control', 'no-store'],
    ...context.challenges.filter(([name]) => maySend(name, status, options)),
  ]
  // RFC 9110 section 15.5.2: a 401 always carries a challenge.
  if (status === 401 && !headers.some(([name]) => name.toLowerCase() === 'www-authenticate')) {
    headers.push(['WWW-Authenticate', `Signature realm="${context.realm}"`])
  }
  if (refusal.retryAfterSeconds !== undefined)
    headers.push(['Retry-After', String(Math.ceil(refusal.retryAfterSeconds))])
  if (context.cors) headers.push(['Access-Control-Expose-Headers', EXPOSED])
  return { status, headers, body: JSON.stringify(problem(refusal, status, context.requestId, options)) }
}

function problem(
  refusal: Refusal,
  status: number,
  requestId: string,
  options: ReplyOptions,
): Readonly<Record<string, unknown>> {
  const code = publicCode(refusal.code, options)
  const row = rowOf(code, options)
  const signatureError = status !== 403 || options.statusMode === 'wba' ? row.signatureError : undefined
  const type =
    signatureError === undefined ? `urn:agent-auth:error:${code}` : `urn:ietf:params:sig-error:${signatureError}`
  return {
    type: row.type ?? type,
    title: row.title,
    status,
    ...(options.errorDetail === 'full' || options.development ? { detail: refusal.message } : {}),
    code,
    retry: row.retry,
    request_id: requestId,
    ...(options.development && refusal.diagnosis !== undefined ? { diagnosis: refusal.diagnosis } : {}),
    ...(options.development && isUnavailable(refusal) ? { dependency: refusal.dependency } : {}),
  }
}

function maySend(name: string, status: number, options: ReplyOptions): boolean {
  // Signature-Key draft: 403 carries neither Signature-Error nor Accept-Signature; Web Bot Auth asks for them.
  return status !== 403 || options.statusMode === 'wba' || !/^(?:signature-error|accept-signature)$/i.test(name)
}
