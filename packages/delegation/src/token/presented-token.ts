import { hash } from 'node:crypto'
import { type AgentRequest, type ProofFact, Refusal } from '@countermark/core'
import { createRecent, isSafeMethod } from '@countermark/core/internal'

/** Which field a token may stand in. `either`: Authorization, or Agent-Delegation where Authorization is taken. */
export type TokenField = 'authorization' | 'agent-delegation'

/** A token as it was sent. */
export interface PresentedToken {
  readonly text: string
  /** SHA-256 of the text, base64url: its name in memories, and what a DPoP proof states as `ath`. */
  readonly hash: string
  readonly scheme: 'bearer' | 'dpop'
  /** `other`: wherever the application looks for it. */
  readonly field: TokenField | 'other'
  /** Fields that hold the token, or `@query`: a signature must cover one of them. Empty where it is not sent as it is. */
  readonly places: readonly string[]
}

/** Longest token accepted, chain included. */
export const MAX_TOKEN_LENGTH = 8192

/** RFC 6750 section 2.1, RFC 9449 section 7.1: one scheme, one space, one token. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9._~+/=-]+)$/i
const OURS = /^(?:bearer|dpop)/i
const IN_QUERY = /[?&]access_token=/

/** Takes the one token out of a request. @throws Refusal `credentials_missing`, `token_malformed`, `request_malformed` */
export type ReadPresentedToken = (request: AgentRequest) => PresentedToken

/** A caller sends the same field again and again. Texts of tokens are worth something to a thief, so few are kept. */
const REMEMBERED = { maxEntries: 256, maxCharacters: 256 * 2048 }

/** Makes a reader of tokens for one verifier, which remembers the fields that it read last. */
export function createTokenReader(from: TokenField | 'either' | FindToken): ReadPresentedToken {
  const findToken = typeof from === 'function' ? createOtherReader(from) : createFieldReader(from)
  return (request) => {
    const token = findToken(request)
    if (token === undefined) {
      throw new Refusal('credentials_missing', 'a delegation token is required', { credential: 'token' })
    }
    // RFC 6750 section 2: not by more than one method.
    if (request.query !== undefined && IN_QUERY.test(request.query) && !token.places.includes('@query')) {
      throw malformedRequest('a token must not stand in the query')
    }
    return token
  }
}

/** Somebody else's token must not ride on a signature that says nothing about it. @throws Refusal `coverage_insufficient` */
export function requireCovered(
  { field, places }: PresentedToken,
  { headers }: AgentRequest,
  proof: ProofFact | undefined,
): void {
  if (proof === undefined) return
  if (places.some(proof.covers) && (!headers.has('dpop') || proof.covers('dpop'))) return
  const wanted = field === 'other' ? 'what the token stands in' : field
  throw new Refusal('coverage_insufficient', `the signature must cover ${wanted}, and dpop when it is sent`)
}

type FindPresented = (request: AgentRequest) => PresentedToken | undefined

function createOtherReader(find: FindToken): FindPresented {
  return (request) => {
    const text: unknown = find(request)
    if (text === undefined || text === '') return undefined
    if (typeof text !== 'string') {
      throw new Refusal('config_error', 'verifyDelegation({ token }) must return a string or undefined, and no promise')
    }
    requireLength(text)
    const places = placesOf(text, request)
    if (places === undefined) throw malformedRequest('the field that holds the token must occur once')
    const scheme = request.headers.has('dpop') ? 'dpop' : 'bearer'
    return { text, hash: hash('sha256', text, 'base64url'), scheme, field: 'other', places }
  }
}

function createFieldReader(from: TokenField | 'either'): FindPresented {
  const authorizations = createRecent<PresentedToken>(REMEMBERED)
  const delegations = {
    bearer: createRecent<PresentedToken>(REMEMBERED),
    dpop: createRecent<PresentedToken>(REMEMBERED),
  }

  function readAuthorization(authorization: string): PresentedToken {
    const known = authorizations.find(authorization)
    if (known !== undefined) return known
    const token = parseAuthorization(authorization)
    authorizations.keep(authorization, token)
    return token
  }

  function readDelegation(text: string, scheme: PresentedToken['scheme']): PresentedToken {
    const known = delegations[scheme].find(text)
    if (known !== undefined) return known
    const token = toPresentedToken(text, scheme, 'agent-delegation')
    delegations[scheme].keep(text, token)
    return token
  }

  return ({ headers }) => {
    const authorization = from === 'agent-delegation' ? undefined : headers.only('authorization')
    const delegation = from === 'authorization' ? undefined : headers.only('agent-delegation')
    const isTaken = authorization !== undefined && OURS.test(authorization)
    if (delegation === undefined) return isTaken ? readAuthorization(authorization) : undefined
    if (isTaken) throw malformedRequest('a request carries one token, not two')
    requireLength(delegation)
    return readDelegation(delegation, headers.has('dpop') ? 'dpop' : 'bearer')
  }
}

function parseAuthorization(authorization: string): PresentedToken {
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) throw new Refusal('token_malformed', 'expected "Bearer <token>" or "DPoP <token>"')
  const [, scheme = '', text = ''] = match
  requireLength(text)
  return toPresentedToken(text, scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', 'authorization')
}

function toPresentedToken(text: string, scheme: PresentedToken['scheme'], field: TokenField): PresentedToken {
  return Object.freeze({ text, hash: hash('sha256', text, 'base64url'), scheme, field, places: [field] })
}

function requireLength(text: string): void {
  if (text.length <= MAX_TOKEN_LENGTH) return
  throw malformedRequest(`a token must have at most ${MAX_TOKEN_LENGTH} characters`)
}

/** RFC 6750 section 3.1: `invalid_request`. */
function malformedRequest(message: string): Refusal {
  return new Refusal('request_malformed', message, { credential: 'token' })
}

/** Looks for the token of a request in a place of the application's own. */
export type FindToken = (request: AgentRequest) => string | undefined

/**
 * Where the text of a token stands: names of fields, and `@query`. `undefined` when one of the fields occurs more than once:
 * which line counts, readers decide differently.
 */
export function placesOf(text: string, { headers, query }: AgentRequest): readonly string[] | undefined {
  const places = query?.includes(text) === true ? ['@query'] : []
  for (const name of headers.names()) {
    const lines = headers.lines(name)
    if (!lines.some((line) => line.includes(text))) continue
    if (lines.length > 1) return undefined
    places.push(name)
  }
  return places
}

/**
 * Refuses a change that a page of another origin may have caused: browsers send cookies, certificates and passwords by
 * themselves, signatures and DPoP proofs they do not.
 * @throws {@link Refusal} `scheme_not_allowed`
 */
export function requireOwnRequest(
  { field, places }: PresentedToken,
  method: string,
  possession: 'signature' | 'dpop' | 'mtls' | 'none',
): void {
  if (field !== 'other' || isSafeMethod(method) || possession === 'signature' || possession === 'dpop') return
  if (places.some((place) => place !== 'cookie')) return
  const message = 'a token that browsers send by themselves changes nothing: sign the request, or send a DPoP proof'
  throw new Refusal('scheme_not_allowed', message, { credential: 'token' })
}
