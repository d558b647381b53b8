import { type AgentRequest, Refusal } from '@countermark/core'

/** Which field a token may stand in. `either`: Authorization, or Agent-Delegation where Authorization is taken. */
export type TokenField = 'authorization' | 'agent-delegation'

/** A token as it was sent. */
export interface PresentedToken {
  readonly text: string
  readonly scheme: 'bearer' | 'dpop'
  /** The field that a signature must cover. */
  readonly field: TokenField
}

/** Longest token accepted, chain included. */
export const MAX_TOKEN_LENGTH = 8192

/** RFC 6750 section 2.1, RFC 9449 section 7.1: one scheme, one space, one token. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9._~+/=-]+)$/i
const OURS = /^(?:bearer|dpop)/i
const IN_QUERY = /[?&]access_token=/

/**
 * Takes the one token out of a request.
 * @throws {@link Refusal} `credentials_missing`, `token_malformed`, `request_malformed`
 */
export function readPresentedToken(request: AgentRequest, from: TokenField | 'either'): PresentedToken {
  const token = findToken(request, from)
  if (token === undefined) {
    throw new Refusal('credentials_missing', 'a delegation token is required', { credential: 'token' })
  }
  if (token.text.length > MAX_TOKEN_LENGTH) {
    throw malformedRequest(`a token must have at most ${MAX_TOKEN_LENGTH} characters`)
  }
  // RFC 6750 section 2: not by more than one method.
  if (request.query !== undefined && IN_QUERY.test(request.query)) {
    throw malformedRequest('a token must not stand in the query')
  }
  return token
}

function findToken({ headers }: AgentRequest, from: TokenField | 'either'): PresentedToken | undefined {
  const authorization = from === 'agent-delegation' ? undefined : headers.only('authorization')
  const delegation = from === 'authorization' ? undefined : headers.only('agent-delegation')
  if (delegation === undefined && authorization !== undefined) {
    const known = read.get(authorization)
    if (known !== undefined) return known
  }
  const isTaken = authorization !== undefined && OURS.test(authorization)
  if (delegation === undefined) return isTaken ? parseAuthorization(authorization) : undefined
  if (isTaken) throw malformedRequest('a request carries one token, not two')
  const scheme = headers.has('dpop') ? 'dpop' : 'bearer'
  return { text: delegation, scheme, field: 'agent-delegation' }
}

/** A caller sends the same field again and again. Bounded: what is not there is read anew. */
const MOST_READ = 256
let read = new Map<string, PresentedToken>()

function parseAuthorization(authorization: string): PresentedToken {
  const known = read.get(authorization)
  if (known !== undefined) return known
  const token = readAuthorization(authorization)
  if (read.size >= MOST_READ) read = new Map()
  read.set(authorization, token)
  return token
}

function readAuthorization(authorization: string): PresentedToken {
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) throw new Refusal('token_malformed', 'expected "Bearer <token>" or "DPoP <token>"')
  const [, scheme = '', text = ''] = match
  return { text, scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', field: 'authorization' }
}

/** RFC 6750 section 3.1: `invalid_request`. */
function malformedRequest(message: string): Refusal {
  return new Refusal('request_malformed', message, { credential: 'token' })
}
