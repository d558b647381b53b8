import { Refusal } from '@countermark/core'
import {
  type ImportPublicKey,
  type IpNetworks,
  isJsonObject,
  type JsonObject,
  ownMember,
  tryParseNetworks,
} from '@countermark/core/internal'
import { type Confirmation, parseConfirmation } from '../binding/confirmation.ts'
import { type ActorChain, parseActorChain } from '../chain/actor-chain.ts'
import type { IssuerSettings } from '../issuers/issuer-options.ts'
import { isText, isTime } from './jws.ts'

/** What the claims of a token say, in our words. */
export interface TokenClaims extends ActorChain, TokenTimes {
  readonly subject: string
  readonly tokenId: string | undefined
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  /** `undefined` when the token carries none (RFC 9396 section 9.1). */
  readonly authorizationDetails: readonly JsonObject[] | undefined
  readonly binding: Confirmation
  /** What tokens of one chain of exchanges share. */
  readonly transaction: string | undefined
}

/** What the verifier asks of every issuer's tokens. */
export interface ClaimRules {
  readonly audiences: readonly string[]
  /** Whether a token may name no other service. */
  readonly exclusive: boolean
  readonly maxDepth: number
  /** Imports the key that a token is bound to; one that remembers, for agents come again with new tokens. */
  readonly importKey: ImportPublicKey
}

/** Claims that only other kinds of token have: an ID token, a logout or event token, a DPoP proof, a status list. */
const FOREIGN = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events', 'htm', 'htu', 'ath', 'status_list']

/**
 * Reads the claims of a token whose signature holds (RFC 9068 section 4, RFC 8725). Whether its time has come is asked for
 * each request, not here.
 * @throws {@link Refusal} `token_invalid`, `token_expired`, `token_audience`, `chain_invalid`, `token_binding_mismatch`
 */
export function parseTokenClaims(claims: JsonObject, issuer: IssuerSettings, rules: ClaimRules): TokenClaims {
  requireKind(claims, issuer)
  const subject = requireText(claims, 'sub')
  const times = parseLife(claims, issuer)
  const audiences = parseAudiences(claims, issuer, rules)
  const tokenId = parseText(claims, issuer.tokenIdClaim)
  const chain = parseActorChain(claims, subject, issuer, rules.maxDepth)
  return Object.freeze({
    subject,
    tokenId,
    ...times,
    audiences,
    ...chain,
    scopes: parseScopes(claims, issuer.scopeClaims),
    authorizationDetails: parseAuthorizationDetails(claims),
    binding: parseConfirmation(claims, issuer.allowTestKeys, rules.importKey),
    transaction: parseText(claims, 'txn'),
  })
}

/** RFC 8725 section 3.12: what is another kind of token must not pass for this one. */
function requireKind(claims: JsonObject, { requiredClaims, expectedClaims, idTokens }: IssuerSettings): void {
  const missing = requiredClaims.find((name) => !Object.hasOwn(claims, name))
  if (missing !== undefined) throw invalid(`must have the claim ${missing}`)
  for (const [name, value] of Object.entries(expectedClaims)) {
    const values = typeof value === 'string' ? [value] : value
    if (!values.some((each) => each === ownMember(claims, name))) throw invalid(`must have another value of ${name}`)
  }
  // Keycloak says in the payload that a token is bound: one that says so and is not has lost its binding.
  if (ownMember(claims, 'typ') === 'DPoP' && !isJsonObject(ownMember(claims, 'cnf'))) {
    throw invalid('says that it is bound by DPoP and names no key')
  }
  if (idTokens === 'refuse' && FOREIGN.some((name) => Object.hasOwn(claims, name))) {
    throw invalid('is of another kind than an access token')
  }
}

function parseLife(claims: JsonObject, { trustDomain, maxLifetimeSeconds }: IssuerSettings): TokenTimes {
  const expiresAt = ownMember(claims, 'exp')
  // A JWT-SVID need not say when it was issued (JWT-SVID section 3): it is held to its longest life and to revocations as if it
  // were as old as its end allows.
  const earliest = trustDomain !== undefined && isTime(expiresAt) ? expiresAt - maxLifetimeSeconds : undefined
  const times = parseTimes(claims, invalid, earliest)
  if (times.expiresAt - times.issuedAt <= maxLifetimeSeconds) return times
  throw new Refusal('token_expired', `the token must end within ${maxLifetimeSeconds} s after it was issued`)
}

/** RFC 7519 section 4.1.3, and nothing but strings: a list may not hide us between things that compare oddly. */
function parseAudiences(claims: JsonObject, issuer: IssuerSettings, rules: ClaimRules): readonly string[] {
  if (!Object.hasOwn(claims, 'aud') && issuer.missingAudience === 'accept') return NONE
  const stated = ownMember(claims, 'aud')
  const audiences: readonly unknown[] = Array.isArray(stated) ? stated : [stated]
  const accepted = issuer.audiences ?? rules.audiences
  if (!audiences.every(isText) || !audiences.some((audience) => accepted.includes(audience))) {
    throw new Refusal('token_audience', 'the token must be meant for this service')
  }
  if (rules.exclusive && !audiences.every((audience) => accepted.includes(audience))) {
    throw new Refusal('token_audience', 'the token must be meant for this service alone')
  }
  return Object.freeze([...audiences])
}

const NONE: readonly string[] = Object.freeze([])

/** RFC 8693 section 4.2: words apart by one space; some issuers write a list. What is neither grants nothing. */
function parseScopes(claims: JsonObject, scopeClaims: readonly string[]): readonly string[] {
  const name = scopeClaims.find((claim) => Object.hasOwn(claims, claim))
  const stated = name === undefined ? undefined : ownMember(claims, name)
  const words: readonly unknown[] = typeof stated === 'string' ? stated.split(' ') : Array.isArray(stated) ? stated : []
  return words.every((word) => typeof word === 'string') ? scopesOf(words) : scopesOf([])
}

/** Each once, in the order of their first mention. */
export function scopesOf(words: readonly string[]): readonly string[] {
  return Object.freeze([...new Set(words.filter((word) => word !== ''))])
}

/**
 * `authorization_details` (RFC 9396 section 9.1).
 * @throws {@link Refusal} `token_invalid`
 */
export function parseAuthorizationDetails(claims: JsonObject): readonly JsonObject[] | undefined {
  if (!Object.hasOwn(claims, 'authorization_details')) return undefined
  const details = ownMember(claims, 'authorization_details')
  const isDetail = (detail: unknown): detail is JsonObject => isJsonObject(detail) && isText(ownMember(detail, 'type'))
  if (Array.isArray(details) && details.every(isDetail)) return details
  throw invalid('has authorization_details that are no list of objects with a type')
}

/** A claim that is a text, or absent. @throws {@link Refusal} `token_invalid` */
function parseText(claims: JsonObject, name: string): string | undefined {
  const value = ownMember(claims, name)
  if (value === undefined || isText(value)) return value
  throw invalid(`must hold ${name} as a string`)
}

/** A claim that must be there. @throws {@link Refusal} `token_invalid` */
export function requireText(claims: JsonObject, name: string): string {
  const value = parseText(claims, name)
  if (value !== undefined) return value
  throw invalid(`must have the claim ${name}`)
}

function invalid(why: string): Refusal {
  return new Refusal('token_invalid', `the token ${why}`)
}

/** When something counts. Unix seconds, fractions allowed (RFC 7519 section 2). */
export interface TokenTimes {
  readonly issuedAt: number
  readonly notBefore: number | undefined
  readonly expiresAt: number
}

/** `iat`, `exp` and `nbf`. @throws what `fail` makes */
export function parseTimes(claims: JsonObject, fail: (why: string) => Refusal, earliest?: number): TokenTimes {
  const [issuedAt = earliest, expiresAt, notBefore] = ['iat', 'exp', 'nbf'].map((name) => ownMember(claims, name))
  if (!isTime(issuedAt) || !isTime(expiresAt)) throw fail('must have the times iat and exp')
  if (!(notBefore === undefined || isTime(notBefore))) throw fail('has an nbf that is no time')
  return { issuedAt, expiresAt, notBefore }
}

/**
 * Asked for each request, also of a token that is remembered. An ended token gets no grace; the issuer's clock may be
 * `skewSeconds` ahead.
 * @throws {@link Refusal} `token_expired`
 */
export function requireWithin(times: TokenTimes, nowMs: number, skewSeconds: number): void {
  const now = nowMs / 1000
  if (!(now < times.expiresAt)) throw new Refusal('token_expired', 'the token has ended')
  if (!(times.issuedAt <= now + skewSeconds)) throw new Refusal('token_expired', 'the token was issued in the future')
  if (times.notBefore !== undefined && !(times.notBefore <= now + skewSeconds)) {
    throw new Refusal('token_expired', 'the token is not valid yet')
  }
}

/**
 * Reads `restrictip` of plain agent tokens: an address, a network, or a list of them. `undefined`: from anywhere.
 * @throws {@link Refusal} `token_invalid`
 */
export function parseNetworks(claims: JsonObject): IpNetworks | undefined {
  if (!Object.hasOwn(claims, 'restrictip')) return undefined
  const networks = tryParseNetworks([ownMember(claims, 'restrictip')].flat())
  if (networks !== undefined) return networks
  throw invalid('has a restrictip that names no address and no network')
}

/** The networks that lie in both. */
export function bothNetworks(one: IpNetworks | undefined, other: IpNetworks | undefined): IpNetworks | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return { contains: (address) => one.contains(address) && other.contains(address) }
}
