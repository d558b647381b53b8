import { hash } from 'node:crypto'
import { type AgentRequest, type ProofFact, Refusal } from '@countermark/core'
import { createRecent } from '@countermark/core/internal'
import type { CompactJwsRules } from './jws.ts'

/** Which field a token may stand in. `either`: Authorization, or Agent-Delegation where Authorization is taken. */
export type TokenField = 'authorization' | 'agent-delegation'

/** Looks for the token of a request in a place of the application's own. */
export type FindToken = (request: AgentRequest) => string | undefined

/** A token as it was sent. */
export interface PresentedToken {
  readonly text: string
  /** SHA-256 of the text, base64url: its name in memories, and what a DPoP proof states as `ath`. */
  readonly hash: string
  readonly scheme: Scheme
  /** `other`: wherever the application looks for it. */
  readonly field: TokenField | 'other'
  /** Fields that hold the token, or `@query`: a signature must cover one of them. Empty where it is not sent as it is. */
  readonly places: readonly string[]
}

type Scheme = 'bearer' | 'dpop'

/** Longest token accepted, chain included. */
export const MAX_TOKEN_LENGTH = 8192

/** How the JWS of a token is read. */
export const TOKEN_RULES: CompactJwsRules = { maxLength: MAX_TOKEN_LENGTH, code: 'token_malformed', noun: 'token' }

/** RFC 6750 section 2.1, RFC 9449 section 7.1: one scheme, one space, one token. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9._~+/=-]+)$/i
const OURS = /^(?:bearer|dpop)/i
const IN_QUERY = /[?&]access_token=/

/** Takes the one token out of a request. @throws Refusal `credentials_missing`, `token_malformed`, `request_malformed` */
export type ReadPresentedToken = (request: AgentRequest) => PresentedToken

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
      throw malformed('a token must not stand in the query')
    }
    return token
  }
}

/** A signature that says nothing about the token may be another caller's. @throws Refusal `coverage_insufficient` */
export function requireCovered(
  { field, places }: PresentedToken,
  { headers }: AgentRequest,
  proof: ProofFact | undefined,
): void {
  if (proof === undefined) return
  if (places.some(proof.covers) && (!headers.has('dpop') || proof.covers('dpop'))) return
  const wanted = field === 'other' ? 'the field that holds the token' : field
  throw new Refusal('coverage_insufficient', `the signature must cover ${wanted}, and dpop when it is sent`)
}

type FindPresented = (request: AgentRequest) => PresentedToken | undefined

function createFieldReader(from: TokenField | 'either'): FindPresented {
  const readAuthorization = remembering(parseAuthorization)
  const readDelegation = bySchemes('agent-delegation')
  return ({ headers }) => {
    const authorization = from === 'agent-delegation' ? undefined : headers.only('authorization')
    const delegation = from === 'authorization' ? undefined : headers.only('agent-delegation')
    const isTaken = authorization !== undefined && OURS.test(authorization)
    if (delegation === undefined) return isTaken ? readAuthorization(authorization) : undefined
    if (isTaken) throw malformed('a request carries one token, not two')
    return readDelegation[headers.has('dpop') ? 'dpop' : 'bearer'](delegation)
  }
}

function createOtherReader(find: FindToken): FindPresented {
  const read = bySchemes('other')
  return (request) => {
    const text: unknown = find(request)
    if (text === undefined || text === '') return undefined
    if (typeof text !== 'string') {
      throw new Refusal('config_error', 'verifyDelegation({ token }) must return a string or undefined, and no promise')
    }
    const token = read[request.headers.has('dpop') ? 'dpop' : 'bearer'](text)
    return { ...token, places: placesOf(text, request) }
  }
}

/**
 * Where the text of a token is: names of fields, and `@query`. Each field occurs once: readers disagree which of two lines
 * counts.
 */
function placesOf(text: string, { headers, query }: AgentRequest): readonly string[] {
  const places = query?.includes(text) === true ? ['@query'] : []
  for (const name of headers.names()) {
    const lines = headers.lines(name)
    if (!lines.some((line) => line.includes(text))) continue
    if (lines.length > 1) throw malformed('the field that holds the token must occur once')
    places.push(name)
  }
  return places
}

type ReadField = (text: string) => PresentedToken

/** A proof beside a token says that the token is bound by DPoP. */
function bySchemes(field: PresentedToken['field']): Readonly<Record<Scheme, ReadField>> {
  const reader = (scheme: Scheme): ReadField => remembering((text) => toPresentedToken(text, scheme, field))
  return { bearer: reader('bearer'), dpop: reader('dpop') }
}

/** A caller sends the same field again and again. Texts of tokens are worth something to a thief, so few are kept. */
function remembering(read: ReadField): ReadField {
  const recent = createRecent<PresentedToken>({ maxEntries: 256, maxCharacters: 256 * 2048 })
  return (text) => {
    const known = recent.find(text)
    if (known !== undefined) return known
    const token = read(text)
    recent.keep(text, token)
    return token
  }
}

function parseAuthorization(authorization: string): PresentedToken {
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) throw new Refusal('token_malformed', 'expected "Bearer <token>" or "DPoP <token>"')
  const [, scheme = '', text = ''] = match
  return toPresentedToken(text, scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', 'authorization')
}

function toPresentedToken(text: string, scheme: Scheme, field: PresentedToken['field']): PresentedToken {
  if (text.length > MAX_TOKEN_LENGTH) throw malformed(`a token must have at most ${MAX_TOKEN_LENGTH} characters`)
  return Object.freeze({ text, hash: hash('sha256', text, 'base64url'), scheme, field, places: [field] })
}

/** RFC 6750 section 3.1: `invalid_request`. */
function malformed(message: string): Refusal {
  return new Refusal('request_malformed', message, { credential: 'token' })
}
