import { AgentFetchError, type AgentFetchErrorCode, isAgentFetchError } from '../agent-fetch-error.ts'
import { readAtMost, untilAborted } from '../fetch/limits.ts'
import { type AgentToken, requireAgentToken } from './agent-token.ts'

/** What a token endpoint gave. */
export interface TokenGrant {
  readonly token: AgentToken
  /** The one to use from now on, when it was exchanged for another (RFC 6749 section 6). */
  readonly refreshToken: string | undefined
}

/** What a token endpoint answered: a token, or the word for why not (RFC 6749 sections 5.1 and 5.2). */
export type TokenAnswer = TokenGrant | { readonly error: string }

/** How an answer is read. */
interface AnswerRules {
  /** What the token must be: a service would take a bearer's token from every caller. */
  readonly scheme: AgentToken['scheme']
  /** Unix milliseconds. */
  readonly nowMs: number
}

const ERROR_WORD = /^[a-z][a-z0-9_]{0,63}$/

/**
 * Reads the answer of a token endpoint.
 * @throws AgentFetchError `token_unavailable`, `token_unusable`
 */
export async function readTokenAnswer(response: Response, rules: AnswerRules): Promise<TokenAnswer> {
  const members = await readJsonAnswer(response, 'token endpoint')
  const { error } = members
  if (response.status === 200)
    return { token: readToken(members, rules), refreshToken: textOf(members['refresh_token']) }
  if (typeof error === 'string' && ERROR_WORD.test(error)) return { error }
  const message = `the token endpoint answers with status ${response.status} and no error that OAuth knows`
  throw new AgentFetchError('token_unavailable', message)
}

function readToken(members: JsonMembers, { scheme, nowMs }: AnswerRules): AgentToken {
  const { access_token: value, token_type: type, expires_in: lifetime, scope } = members
  const known = typeof scope === 'string' ? { scopes: scopesOf(scope) } : {}
  if (typeof type !== 'string' || type.toLowerCase() !== scheme.toLowerCase()) {
    throw new AgentFetchError('token_unusable', `the token endpoint must give a token of type ${scheme}`)
  }
  // Some servers write the number as text.
  const seconds = typeof lifetime === 'string' && /^[0-9]{1,9}$/.test(lifetime) ? Number(lifetime) : lifetime
  if (seconds === undefined) return requireAgentToken({ value, scheme, ...known })
  if (typeof seconds !== 'number' || !(seconds > 0)) {
    throw new AgentFetchError('token_unusable', 'the token endpoint must give a token that lives')
  }
  return requireAgentToken({ value, scheme, expiresAt: Math.floor(nowMs / 1000) + seconds, ...known })
}

/** Scopes stand apart by one space (RFC 6749 section 3.3). */
export function scopesOf(text: string): readonly string[] {
  return text.split(' ').filter((scope) => scope !== '')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Members of a JSON object from another server. */
export type JsonMembers = Readonly<Record<string, unknown>>

const MAX_BYTES = 65_536

/**
 * Reads an answer of limited size that must be a JSON object and no redirect.
 * @throws AgentFetchError `token_unavailable`, or the code that is given
 */
export async function readJsonAnswer(
  response: Response,
  noun: string,
  code: AgentFetchErrorCode = 'token_unavailable',
): Promise<JsonMembers> {
  const unavailable = (message: string): AgentFetchError => new AgentFetchError(code, message)
  if (response.redirected || (response.status >= 300 && response.status < 400)) {
    throw unavailable(`the ${noun} redirects, which is not followed`)
  }
  const content = await readAtMost(response, MAX_BYTES)
  response.body?.cancel().catch(() => undefined)
  if (content === undefined) throw unavailable(`the ${noun} answers with more than ${MAX_BYTES} bytes`)
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(content))
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // Below. The parser's own words quote the answer.
  }
  throw unavailable(`the ${noun} must answer with a JSON object`)
}

/** How long an exchange may take, and what it is called. */
interface ExchangeLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly noun: string
  /** @default 'token_unavailable' */
  readonly code?: AgentFetchErrorCode
}

/**
 * Waits for an exchange until a deadline, whatever the `fetch` underneath makes of it.
 * @throws AgentFetchError `token_unavailable`, or the code that is given
 */
export async function within<Value>(
  { timeoutMs, signal, noun, code = 'token_unavailable' }: ExchangeLimits,
  work: Promise<Value>,
): Promise<Value> {
  try {
    return await untilAborted(work, signal)
  } catch (cause) {
    if (isAgentFetchError(cause)) throw cause
    const what = signal.aborted ? `does not answer within ${timeoutMs / 1000} s` : 'cannot be reached'
    throw new AgentFetchError(code, `the ${noun} ${what}`, { cause })
  }
}
