import type { HeaderField } from '../header-fields.ts'
import { type ForeignRows, REFUSAL_CODES, type RefusalCode, type RefusalRow, rowOf } from './codes.ts'
import { isUnavailable, type Refusal } from './refusal.ts'

/** Which status a code gets. `standard`: 401 with challenges; `wba`: 403 and 429 as Web Bot Auth has it; `seed`: invalid is 403. */
export type StatusMode = 'standard' | 'wba' | 'seed'

/** What the body tells: the exact code; the code and a sentence; or fewer codes, so that nobody can probe for agents. */
export type ErrorDetail = 'code' | 'full' | 'minimal'

/** How refusals are written. */
export interface ReplyOptions {
  readonly statusMode: StatusMode
  readonly errorDetail: ErrorDetail
  readonly development: boolean
  readonly refusals: ForeignRows
}

/** An answer to send as it is. */
export interface Reply {
  readonly status: number
  readonly headers: readonly HeaderField[]
  readonly body: string
}

/** What a reply says besides the refusal. */
export interface ReplyContext {
  readonly requestId: string
  readonly realm: string
  /** What a script may read, for a browser that asks from another origin. */
  readonly exposed: string | undefined
  readonly challenges: readonly HeaderField[]
}

/** Codes that would tell a stranger which agents and keys exist. */
const MERGED: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'key_unknown',
  'key_revoked',
  'key_expired',
  'key_not_yet_valid',
  'key_invalid',
  'agent_mismatch',
  'agent_suspended',
  // Whoever states another algorithm than a key has would learn that there is such a key.
  'algorithm_not_allowed',
  // While look-ups are spent, only an id that is not remembered here gets it.
  'key_source_unavailable',
])

type Told = Pick<Refusal, 'code' | 'credential'>

/** The code that the caller is told. Logs, metrics and the audit trail keep the exact one. */
export function publicCode({ code, credential }: Told, { errorDetail }: ReplyOptions): RefusalCode {
  if (errorDetail !== 'minimal' || !MERGED.has(code)) return code
  // A verified token names its agents, and the keys of an issuer tell nothing of agents.
  return credential === 'token' ? code : 'signature_invalid'
}

/** The status of a refusal. */
export function statusOf(refusal: Told, options: ReplyOptions): number {
  return statusIn(options.statusMode, publicRow(refusal, options))
}

/** Writes a refusal as problem+json (RFC 9457) with its challenges. */
export function replyTo(refusal: Refusal, context: ReplyContext, options: ReplyOptions): Reply {
  const row = publicRow(refusal, options)
  const status = statusIn(options.statusMode, row)
  const signals = maySignal(status, row, options)
  const headers: HeaderField[] = [CONTENT_TYPE, NO_STORE]
  let firstChallenge = -1
  for (const field of context.challenges) {
    if (!signals && SIGNAL.test(field[0])) continue
    const isChallenge = field[0] === 'WWW-Authenticate' || field[0].toLowerCase() === 'www-authenticate'
    // Clients for Bearer alone read the first challenge and no other.
    if (isChallenge && firstChallenge >= 0 && BEARER.test(field[1])) headers.splice(firstChallenge, 0, field)
    else headers.push(field)
    if (isChallenge && firstChallenge < 0) firstChallenge = headers.length - 1
  }
  // RFC 9110 section 15.5.2: a 401 always carries a challenge.
  if (status === 401 && firstChallenge < 0) {
    headers.push(['WWW-Authenticate', `Signature realm="${context.realm}"`])
  }
  const retryAfterSeconds = secondsToWait(refusal, row, options)
  if (retryAfterSeconds >= 0)
    headers.push(['Retry-After', String(Math.ceil(Math.min(retryAfterSeconds, MOST_SECONDS)))])
  if (context.exposed !== undefined) headers.push(['Access-Control-Expose-Headers', context.exposed])
  return { status, headers, body: JSON.stringify(problem(refusal, { row, status, signals, ...context }, options)) }
}

/** A merged code says nothing more, not even when to come back. */
function secondsToWait(refusal: Refusal, { retry }: RefusalRow, options: ReplyOptions): number {
  const own = publicCode(refusal, options) === refusal.code ? refusal.retryAfterSeconds : undefined
  return own ?? (retry === 'later' ? 1 : Number.NaN)
}

const BEARER = /^bearer(?: |$)/i
const CONTENT_TYPE: HeaderField = ['Content-Type', 'application/problem+json']
const NO_STORE: HeaderField = ['Cache-Control', 'no-store']
const SIGNAL = /^(?:signature-error|accept-signature)$/i
const MOST_SECONDS = 86_400

/**
 * Signature-Key draft: 403 carries neither Signature-Error nor Accept-Signature. The other status modes say 403 where a
 * fresh signature helps, and Web Bot Auth asks for them there.
 */
function maySignal(status: number, row: RefusalRow, { statusMode }: ReplyOptions): boolean {
  return status !== 403 || (statusMode !== 'standard' && row.retry === 'resign')
}

function publicRow(refusal: Told, options: ReplyOptions): RefusalRow {
  return rowOf(publicCode(refusal, options), options.refusals) ?? REFUSAL_CODES.config_error
}

function statusIn(mode: StatusMode, row: RefusalRow): number {
  return (mode === 'standard' ? undefined : row[mode]) ?? row.status
}

interface ProblemContext {
  readonly row: RefusalRow
  readonly status: number
  readonly signals: boolean
  readonly requestId: string
}

function problem(
  refusal: Refusal,
  { row, status, signals, requestId }: ProblemContext,
  options: ReplyOptions,
): Readonly<Record<string, unknown>> {
  const { development } = options
  const code = publicCode(refusal, options)
  const error = signals && refusal.credential !== 'token' ? row.signatureError : undefined
  return {
    // First, so that they stand in for none of the others. A merged code says nothing more.
    ...(code === refusal.code ? refusal.members : {}),
    type: row.type ?? (error === undefined ? `urn:agent-auth:error:${code}` : `urn:ietf:params:sig-error:${error}`),
    title: row.title,
    status,
    ...(options.errorDetail === 'full' || development ? { detail: refusal.message } : {}),
    instance: `urn:uuid:${requestId}`,
    code,
    retry: row.retry,
    request_id: requestId,
    ...(development && refusal.diagnosis !== undefined ? { diagnosis: refusal.diagnosis } : {}),
    ...(development && isUnavailable(refusal) ? { dependency: refusal.dependency } : {}),
  }
}

/** An answer in which a nonce and the id of the request are still to be filled in. */
export interface ReplyTemplate {
  /** Whether there is a place for a nonce. */
  readonly asksNonce: boolean
  readonly fill: (requestId: string, nonce: string | undefined) => Reply
}

/** Answers of one guard by what they depend on. */
export interface ReplyTemplates {
  readonly find: (kind: string) => ReplyTemplate | undefined
  readonly keep: (kind: string, template: ReplyTemplate) => void
}

const MOST_TEMPLATES = 256

/** Creates the memory of one guard. */
export function createReplyTemplates(): ReplyTemplates {
  const known = new Map<string, ReplyTemplate>()
  return {
    find: (kind) => known.get(kind),
    keep: (kind, template) => {
      // Strangers choose which fields they send. Cleared rather than closed: what is in use comes back at once.
      if (known.size >= MOST_TEMPLATES) known.clear()
      known.set(kind, template)
    },
  }
}

/** What a template is written with: it looks like a nonce and like an id, and is none. */
export const NONCE_MARK = 'nonce-nonce-nonce-nonce-nonce-nonce-nonce-nonce-nonc'
export const ID_MARK = '00000000-0000-4000-8000-000000000000'

/** Nothing in such a nonce has to be escaped anywhere. */
const PLAIN_NONCE = /^[A-Za-z0-9_-]{1,256}$/

/** Whether a template may be filled with a nonce. */
export function isPlainNonce(nonce: string | undefined): nonce is string {
  return nonce !== undefined && PLAIN_NONCE.test(nonce)
}

/** Makes a template of an answer that holds the marks. */
export function createReplyTemplate({ status, headers, body }: Reply): ReplyTemplate {
  const bodyParts = body.split(ID_MARK)
  const fixed = Object.freeze(headers.map((field) => Object.freeze(field)))
  const asking = fixed.flatMap(([name, value], at) =>
    value.includes(NONCE_MARK) ? [{ at, name, parts: value.split(NONCE_MARK) }] : [],
  )
  const withNonce = (nonce: string): readonly HeaderField[] => {
    const filled = fixed.slice()
    for (const { at, name, parts } of asking) filled[at] = [name, parts.join(nonce)]
    return filled
  }
  return {
    asksNonce: asking.length > 0,
    fill: (requestId, nonce) => {
      return { status, headers: nonce === undefined ? fixed : withNonce(nonce), body: bodyParts.join(requestId) }
    },
  }
}
