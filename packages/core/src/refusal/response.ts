import type { HeaderField } from '../header-fields.ts'
import { type ForeignRows, REFUSAL_CODES, type RefusalCode, type RefusalRow, rowOf } from './codes.ts'
import { isUnavailable, type Refusal } from './refusal.ts'

/** Which status a code gets. `standard`: 401 with challenges; `wba`: 403 and 429 as Web Bot Auth has it; `seed`: invalid is 403. */
export type StatusMode = 'standard' | 'wba' | 'seed'

/** What the body tells: the exact code; the code and a sentence; or fewer codes, so that callers cannot probe for agents. */
export type ErrorDetail = 'code' | 'full' | 'minimal'

/** How refusals are written. */
export interface ReplyOptions {
  readonly statusMode: StatusMode
  readonly errorDetail: ErrorDetail
  readonly development: boolean
  /** URL of the page with a heading for each of our codes, for `Link`; `undefined`: none is sent. */
  readonly help?: string | undefined
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
  // A caller that states another algorithm than a key has would learn that the key exists.
  'algorithm_not_allowed',
  // While look-ups are spent, only an id that is not remembered here gets it.
  'key_source_unavailable',
])

type CodedRefusal = Pick<Refusal, 'code' | 'credential'>

/** The code that the caller is told. Logs, metrics and the audit trail keep the exact one. */
export function publicCode({ code, credential }: CodedRefusal, { errorDetail }: ReplyOptions): RefusalCode {
  if (errorDetail !== 'minimal' || !MERGED.has(code)) return code
  // A verified token names its agents, and the keys of an issuer tell nothing of agents.
  return credential === 'token' ? code : 'signature_invalid'
}

/** The status of a refusal. */
export function statusOf(refusal: CodedRefusal, options: ReplyOptions): number {
  return statusIn(options.statusMode, publicRow(refusal, options))
}

const CONTENT_TYPE: HeaderField = ['Content-Type', 'application/problem+json']
const NO_STORE: HeaderField = ['Cache-Control', 'no-store']
const MAX_RETRY_SECONDS = 86_400

/** Writes a refusal as problem+json (RFC 9457) with its challenges. */
export function replyTo(refusal: Refusal, context: ReplyContext, options: ReplyOptions): Reply {
  const row = publicRow(refusal, options)
  const status = statusIn(options.statusMode, row)
  const signals = maySignal(status, row, options)
  const headers: HeaderField[] = [CONTENT_TYPE, NO_STORE]
  const challenges = signals ? context.challenges : context.challenges.filter(([name]) => !SIGNAL.test(name))
  const isChallenged = appendChallenges(headers, challenges)
  // RFC 9110 section 15.5.2: a 401 always carries a challenge.
  if (status === 401 && !isChallenged) headers.push(['WWW-Authenticate', `Signature realm="${context.realm}"`])
  const retryAfterSeconds = secondsToWait(refusal, row, options)
  if (retryAfterSeconds !== undefined) headers.push(['Retry-After', String(retryAfterSeconds)])
  const help = helpWith(refusal, options)
  if (help !== undefined) headers.push(['Link', `<${help}>; rel="help"`])
  if (context.exposed !== undefined) headers.push(['Access-Control-Expose-Headers', context.exposed])
  return { status, headers, body: JSON.stringify(problem(refusal, { row, status, signals, ...context }, options)) }
}

/** Where the docs say what to do (RFC 8288, `help`): on the machine of the developer, and for codes of ours. */
function helpWith(refusal: CodedRefusal, options: ReplyOptions): string | undefined {
  const code = publicCode(refusal, options)
  return options.help === undefined || !Object.hasOwn(REFUSAL_CODES, code) ? undefined : `${options.help}#${code}`
}

const SIGNAL = /^(?:signature-error|accept-signature)$/i
const BEARER = /^bearer(?: |$)/i

/** Appends the fields, and tells whether one of them is `WWW-Authenticate`. Bearer leads: its clients read no second challenge. */
function appendChallenges(headers: HeaderField[], challenges: readonly HeaderField[]): boolean {
  let firstChallenge = -1
  for (const field of challenges) {
    const isChallenge = field[0].toLowerCase() === 'www-authenticate'
    if (isChallenge && firstChallenge >= 0 && BEARER.test(field[1])) headers.splice(firstChallenge, 0, field)
    else headers.push(field)
    if (isChallenge && firstChallenge < 0) firstChallenge = headers.length - 1
  }
  return firstChallenge >= 0
}

/** When to come back; `undefined` where no time is known, or where it would tell more than the merged code does. */
function secondsToWait(refusal: Refusal, { retry }: RefusalRow, options: ReplyOptions): number | undefined {
  const own = publicCode(refusal, options) === refusal.code ? refusal.retryAfterSeconds : undefined
  const seconds = own ?? (retry === 'later' ? 1 : Number.NaN)
  return seconds >= 0 ? Math.ceil(Math.min(seconds, MAX_RETRY_SECONDS)) : undefined
}

/**
 * Signature-Key draft: 403 carries neither Signature-Error nor Accept-Signature. The other status modes say 403 where a
 * fresh signature helps, and Web Bot Auth asks for them there.
 */
function maySignal(status: number, row: RefusalRow, { statusMode }: ReplyOptions): boolean {
  return status !== 403 || (statusMode !== 'standard' && row.retry === 'resign')
}

function publicRow(refusal: CodedRefusal, options: ReplyOptions): RefusalRow {
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
    // First, so that they replace none of the members below. A merged code says nothing more.
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
