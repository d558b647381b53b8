import { Refusal, Unavailable } from '@countermark/core'
import { createRecent, isThenable, type JsonObject, ownMember, rememberKeys } from '@countermark/core/internal'
import type { AgentLookup } from '../chain/known-agents.ts'
import { type LinkRules, SEPARATOR } from '../chain/link.ts'
import { verifyLinks } from '../chain/verify-links.ts'
import type { IssuerSettings } from '../issuers/issuer-options.ts'
import type { IssuerKey } from '../issuers/key-set.ts'
import { requireOwnWorkloads } from '../issuers/spiffe.ts'
import { revocationKey } from '../revocation/revocation-event.ts'
import type { Revocable } from '../revocation/revocations.ts'
import { parseStatusReference, type StatusReference } from '../revocation/status-list.ts'
import { type ClaimRules, parseNetworks, parseTokenClaims, type TokenClaims } from './claims.ts'
import { verifyIssuerSignature } from './issuer-signature.ts'
import { findAccepted, type JoseAlgorithm } from './jose-algorithm.ts'
import { type CompactJws, headerOf, type JwsHeader, parseCompactJws } from './jws.ts'
import { TOKEN_RULES } from './presented-token.ts'
import type { ChainActor, VerifiedToken } from './verified-token.ts'

/** What tokens are verified by. */
export interface TokenRules extends Omit<ClaimRules, 'importKey'> {
  readonly issuers: ReadonlyMap<string, IssuerSettings>
  /** `undefined`: links that agents signed themselves are not taken. */
  readonly links: LinkRules | undefined
}

/** Verifies from nothing. */
export type VerifyToken = (text: string, lookup: AgentLookup) => Promise<VerifiedToken>

/** Tokens of one issuer have the same few headers. */
const HEADERS = { maxEntries: 64, maxCharacters: 64 * 512 }
/** Agents whose tokens hold a key, at a time. */
const MAX_BOUND_KEYS = 1_000

/**
 * Makes a verifier of tokens, and of the links behind them, from nothing (RFC 9068 section 4): shape, type, issuer,
 * algorithm, key, signature, then claims. Whether its time has come is asked for each request, not here. It remembers headers
 * and keys, and those only of tokens that verified: others bring as many as they like.
 * @throws {@link Refusal} `token_malformed`, `token_invalid`, `token_audience`, `chain_invalid` and those of the claims
 */
export function createTokenVerifier(rules: TokenRules): VerifyToken {
  const headers = createRecent<JwsHeader>(HEADERS)
  const reading = { ...TOKEN_RULES, findHeader: headers.find }
  const claimRules: ClaimRules = { ...rules, importKey: rememberKeys(MAX_BOUND_KEYS) }
  const waitForKeys = createKeyWaits()
  return async (text, lookup) => {
    const [tokenText = '', ...links] = text.split(SEPARATOR)
    if (links.length > 0 && rules.links === undefined) {
      throw new Refusal('token_malformed', 'the token must not be handed on by agents themselves')
    }
    const jws = parseCompactJws(tokenText, reading)
    const issuer = findIssuer(jws, rules)
    const keyQuery = { keyId: jws.keyId, algorithm: requireHeader(jws, issuer) }
    const found = issuer.keys.find(keyQuery, lookup.environment, lookup.request)
    const key = isThenable(found) ? await waitForKeys(issuer, found) : found
    if (key === undefined) throw invalid('must be signed with a key that its issuer publishes')
    await verifyIssuerSignature(tokenText, key, 'token_invalid')
    if (headers.find(jws.headerText) === undefined) headers.keep(jws.headerText, headerOf(jws))
    const claims = parseTokenClaims(jws.claims, issuer, claimRules)
    requireOwnWorkloads(issuer.trustDomain, claims)
    const token = toVerifiedToken({ claims, jws, issuer, key, keyQuery })
    if (rules.links === undefined || links.length === 0) return token
    return verifyLinks({ token, tokenText, links }, rules.links, lookup)
  }
}

/** Out of the 256 tokens that are verified at a time. */
const MAX_WAITING_FOR_ISSUER = 192

/**
 * Bounds how many tokens wait for one issuer: a token that its issuer never signed makes us wait as long as a good one, and an issuer
 * that is silent must not take the places of tokens whose keys are known.
 */
function createKeyWaits(): <Value>(issuer: IssuerSettings, pending: Promise<Value>) => Promise<Value> {
  const waiting = new WeakMap<IssuerSettings, number>()
  return async (issuer, pending) => {
    const others = waiting.get(issuer) ?? 0
    if (others >= MAX_WAITING_FOR_ISSUER) {
      pending.catch(() => undefined)
      throw new Unavailable('overloaded', 'issuer', 'too many tokens wait for the keys of their issuer')
    }
    waiting.set(issuer, others + 1)
    try {
      return await pending
    } finally {
      waiting.set(issuer, (waiting.get(issuer) ?? 1) - 1)
    }
  }
}

/** RFC 8725 section 3.8: compared character by character, and the keys are those of this issuer only. */
function findIssuer({ claims }: CompactJws, { issuers }: TokenRules): IssuerSettings {
  const name = ownMember(claims, 'iss')
  const issuer = (typeof name === 'string' ? issuers.get(name) : undefined) ?? findTrustDomain(claims, issuers)
  if (issuer === undefined) throw invalid('must come from an issuer that is trusted here')
  return issuer
}

/** A JWT-SVID is verified with the keys of the trust domain in `sub`, whatever else it says (JWT-SVID section 4). */
function findTrustDomain(claims: JsonObject, issuers: TokenRules['issuers']): IssuerSettings | undefined {
  const subject = ownMember(claims, 'sub')
  const [, domain] = typeof subject === 'string' ? (/^(spiffe:\/\/[^/]*)/.exec(subject) ?? []) : []
  return domain === undefined ? undefined : issuers.get(domain)
}

function requireHeader({ type, algorithm: name }: CompactJws, { types, algorithms }: IssuerSettings): JoseAlgorithm {
  // `none` means a header without a type, not for a type of that name.
  if (type === 'none' || !types.has(type ?? 'none'))
    throw invalid('must be of a type that is accepted from this issuer')
  const algorithm = findAccepted(name, algorithms)
  if (algorithm !== undefined) return algorithm
  throw invalid('must be signed with an algorithm that is accepted from this issuer')
}

interface Parts {
  readonly claims: TokenClaims
  readonly jws: CompactJws
  readonly issuer: IssuerSettings
  readonly key: IssuerKey
  readonly keyQuery: VerifiedToken['keyQuery']
}

function toVerifiedToken({ claims, jws, issuer, key, keyQuery }: Parts): VerifiedToken {
  const { issuedAt, expiresAt, notBefore, binding, authorizationDetails, transaction: _transaction, ...said } = claims
  const actors = toChainActors(claims, issuer)
  return {
    issuer,
    key,
    keyQuery,
    delegation: Object.freeze({
      issuer: issuer.issuer,
      ...said,
      authorizationDetails: Object.freeze(authorizationDetails === undefined ? [] : [authorizationDetails]),
      issuedAt,
      expiresAt,
      binding: binding.kind,
      claims: bareCopy(jws.claims),
    }),
    times: [{ issuedAt, expiresAt, notBefore }],
    binding,
    agentId: actors[0]?.agentId,
    actors,
    isHandedOn: false,
    revocables: [new TokenNames(claims, actors, issuer.issuer)],
    status: findStatus(jws.claims, issuer),
    networks: parseNetworks(jws.claims),
  }
}

/** Inherits nothing: a member of `Object.prototype` is no claim. */
function bareCopy(claims: JsonObject): JsonObject {
  return Object.freeze(Object.assign(Object.create(null), claims))
}

function toChainActors({ actor, priorActors, binding }: TokenClaims, issuer: IssuerSettings): readonly ChainActor[] {
  const thumbprint = 'thumbprint' in binding ? binding.thumbprint : undefined
  return [actor, ...priorActors].map((each, index) => {
    return { actor: each, agentId: issuer.agentIdOf(each), thumbprint: index === 0 ? thumbprint : undefined }
  })
}

/** By what a token can be revoked: written out where revocations are asked, and not before. */
class TokenNames implements Revocable {
  readonly issuedAt: number
  readonly #claims: TokenClaims
  readonly #actors: readonly ChainActor[]
  readonly #issuer: string
  #keys: readonly string[] | undefined = undefined

  constructor(claims: TokenClaims, actors: readonly ChainActor[], issuer: string) {
    this.issuedAt = claims.issuedAt
    this.#claims = claims
    this.#actors = actors
    this.#issuer = issuer
  }

  get keys(): readonly string[] {
    this.#keys ??= revocationKeysOf(this.#claims, this.#actors, this.#issuer)
    return this.#keys
  }
}

function revocationKeysOf(claims: TokenClaims, actors: readonly ChainActor[], issuer: string): readonly string[] {
  const { subject, tokenId, issuedAt, transaction, binding } = claims
  return [
    revocationKey({ type: 'user', issuer, subject }),
    revocationKey({ type: 'token', issuer, subject, issuedAt }),
    ...(tokenId === undefined ? [] : [revocationKey({ type: 'token', issuer, tokenId })]),
    ...(transaction === undefined ? [] : [revocationKey({ type: 'chain', issuer, transaction })]),
    ...('thumbprint' in binding ? [revocationKey({ type: 'key', thumbprint: binding.thumbprint })] : []),
    ...actors.map(({ actor, agentId }) => revocationKey({ type: 'agent', agentId: agentId ?? actor.id })),
  ]
}

function findStatus(claims: JsonObject, { statusList }: IssuerSettings): StatusReference | undefined {
  if (statusList === 'ignored') return undefined
  const reference = parseStatusReference(claims)
  if (reference === undefined && statusList === 'required') throw invalid('must say where its status is')
  return reference
}

function invalid(why: string): Refusal {
  return new Refusal('token_invalid', `the token ${why}`)
}
