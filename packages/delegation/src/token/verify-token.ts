import { type Environment, Refusal, Unavailable } from '@countermark/core'
import {
  createRecent,
  isThenable,
  type JsonObject,
  type KeyCaller,
  ownMember,
  rememberKeys,
} from '@countermark/core/internal'
import type { KeyBinding } from '../binding/confirmation.ts'
import type { ActorChain } from '../chain/actor-chain.ts'
import { type LinkRules, SEPARATOR, verifyLinks } from '../chain/verify-links.ts'
import type { IssuerSettings } from '../issuers/issuer-options.ts'
import type { IssuerKey } from '../issuers/key-set.ts'
import { parseSpiffeId } from '../issuers/spiffe.ts'
import { revocationKey } from '../revocation/revocation-event.ts'
import type { Revocable } from '../revocation/revocations.ts'
import { readStatusReference, type StatusReference } from '../revocation/status-list.ts'
import { type ClaimRules, readNetworks, readTokenClaims, type TokenClaims } from './claims.ts'
import { type CompactJws, headerOf, type JwsHeader, parseCompactJws } from './jws.ts'
import { type JoseAlgorithm, toJoseAlgorithm, verifyIssuerSignature } from './jws-key.ts'
import { MAX_TOKEN_LENGTH } from './presented-token.ts'
import type { VerifyAnew } from './remembered-tokens.ts'
import type { Hop, VerifiedToken } from './verified-token.ts'

/** What tokens are judged by. */
export interface TokenRules {
  readonly issuers: ReadonlyMap<string, IssuerSettings>
  readonly audiences: readonly string[]
  /** Whether a token may name nobody else. */
  readonly exclusive: boolean
  readonly maxDepth: number
  /** `undefined`: links that agents signed themselves are not taken. */
  readonly links: LinkRules | undefined
  readonly keyWaits: KeyWaits
}

const RULES = { maxLength: MAX_TOKEN_LENGTH, code: 'token_malformed', noun: 'token' } as const
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
export function createTokenVerifier(rules: TokenRules): VerifyAnew {
  const headers = createRecent<JwsHeader>(HEADERS)
  const reading = { ...RULES, findHeader: headers.find }
  const claimRules: ClaimRules = { ...rules, importKey: rememberKeys(MAX_BOUND_KEYS) }
  return async (text, environment, caller) => {
    const [tokenText = '', ...links] = text.split(SEPARATOR)
    if (links.length > 0 && rules.links === undefined) {
      throw new Refusal('token_malformed', 'the token must not be handed on by agents themselves')
    }
    const jws = parseCompactJws(tokenText, reading)
    const issuer = findIssuer(jws, rules)
    const keyQuery = { keyId: jws.keyId, algorithm: requireHeader(jws, issuer) }
    const key = await findKey(issuer, keyQuery, rules.keyWaits, environment, caller)
    await verifyIssuerSignature(tokenText, key, 'token_invalid')
    if (headers.find(jws.headerText) === undefined) headers.keep(jws.headerText, headerOf(jws))
    const claims = readTokenClaims(jws.claims, issuer, claimRules)
    requireOwnWorkloads(issuer, claims)
    const token = toVerifiedToken({ claims, jws, issuer, key, keyQuery })
    if (rules.links === undefined || links.length === 0) return token
    return verifyLinks({ token, tokenText, links, rules: rules.links, caller }, environment)
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

/** No trust domain names the workloads of another, neither as subjects nor as those who act for them. */
function requireOwnWorkloads({ trustDomain }: IssuerSettings, { subject, actor, priorActors }: TokenClaims): void {
  if (trustDomain === undefined) return
  const ids = [subject, ...[actor, ...priorActors].map(({ id }) => id)].map(parseSpiffeId)
  // Without a path an id names the domain itself (SPIFFE-ID section 2.2).
  if (ids.every((id) => id.trustDomain === trustDomain && id.path !== '')) return
  throw invalid('must name workloads of its own trust domain, and nobody else')
}

function requireHeader({ type, algorithm: name }: CompactJws, { types, algorithms }: IssuerSettings): JoseAlgorithm {
  // `none` stands for a header without a type, not for a type of that name.
  if (type === 'none' || !types.has(type ?? 'none'))
    throw invalid('must be of a type that is accepted from this issuer')
  const algorithm = toJoseAlgorithm(name)
  if (algorithm !== undefined && algorithms.includes(algorithm)) return algorithm
  throw invalid('must be signed with an algorithm that is accepted from this issuer')
}

async function findKey(
  { issuer, keys }: IssuerSettings,
  query: VerifiedToken['keyQuery'],
  keyWaits: KeyWaits,
  environment: Environment,
  caller: KeyCaller | undefined,
): Promise<IssuerKey> {
  const found = keys.find(query, environment, caller)
  const key = isThenable(found) ? await keyWaits.wait(issuer, found) : found
  if (key === undefined) throw invalid('must be signed with a key that its issuer publishes')
  return key
}

interface Parts {
  readonly claims: TokenClaims
  readonly jws: CompactJws
  readonly issuer: IssuerSettings
  readonly key: IssuerKey
  readonly keyQuery: VerifiedToken['keyQuery']
}

function toVerifiedToken({ claims, jws, issuer, key, keyQuery }: Parts): VerifiedToken {
  const { subject, tokenId, actor, priorActors, scopes, audiences, issuedAt, expiresAt, notBefore, binding } = claims
  const hops = toHops(claims, binding, issuer)
  return {
    issuer,
    key,
    keyQuery,
    delegation: Object.freeze({
      issuer: issuer.issuer,
      subject,
      tokenId,
      actor,
      priorActors,
      scopes,
      authorizationDetails: Object.freeze(
        claims.authorizationDetails === undefined ? [] : [claims.authorizationDetails],
      ),
      audiences,
      issuedAt,
      expiresAt,
      binding: binding.kind,
      claims: bareCopy(jws.claims),
    }),
    times: [{ issuedAt, expiresAt, notBefore }],
    binding,
    agentId: hops[0]?.agentId,
    hops,
    isHandedOn: false,
    revocables: [new TokenNames(claims, hops, issuer.issuer)],
    status: readStatus(jws.claims, issuer),
    networks: readNetworks(jws.claims),
  }
}

/** Inherits nothing: what somebody puts on `Object.prototype` is no claim. */
function bareCopy(claims: JsonObject): JsonObject {
  return Object.freeze(Object.assign(Object.create(null), claims))
}

function toHops({ actor, priorActors }: ActorChain, binding: KeyBinding, issuer: IssuerSettings): readonly Hop[] {
  const thumbprint = 'thumbprint' in binding ? binding.thumbprint : undefined
  return [actor, ...priorActors].map((hop, index) => {
    return { actor: hop, agentId: issuer.agentIdOf(hop), thumbprint: index === 0 ? thumbprint : undefined }
  })
}

/** By what a token can be revoked, written out for those who listen to revocations and not for others. */
class TokenNames implements Revocable {
  readonly issuedAt: number
  readonly #claims: TokenClaims
  readonly #hops: readonly Hop[]
  readonly #issuer: string
  #keys: readonly string[] | undefined = undefined

  constructor(claims: TokenClaims, hops: readonly Hop[], issuer: string) {
    this.issuedAt = claims.issuedAt
    this.#claims = claims
    this.#hops = hops
    this.#issuer = issuer
  }

  get keys(): readonly string[] {
    this.#keys ??= revocationKeysOf(this.#claims, this.#hops, this.#issuer)
    return this.#keys
  }
}

function revocationKeysOf(claims: TokenClaims, hops: readonly Hop[], issuer: string): readonly string[] {
  const { subject, tokenId, issuedAt, transaction, binding } = claims
  return [
    revocationKey({ type: 'user', issuer, subject }),
    revocationKey({ type: 'token', issuer, subject, issuedAt }),
    ...(tokenId === undefined ? [] : [revocationKey({ type: 'token', issuer, tokenId })]),
    ...(transaction === undefined ? [] : [revocationKey({ type: 'chain', issuer, transaction })]),
    ...('thumbprint' in binding ? [revocationKey({ type: 'key', thumbprint: binding.thumbprint })] : []),
    ...hops.map(({ actor, agentId }) => revocationKey({ type: 'agent', agentId: agentId ?? actor.id })),
  ]
}

function readStatus(claims: JsonObject, { statusList }: IssuerSettings): StatusReference | undefined {
  if (statusList === 'ignored') return undefined
  const reference = readStatusReference(claims)
  if (reference === undefined && statusList === 'required') throw invalid('must say where its status stands')
  return reference
}

function invalid(why: string): Refusal {
  return new Refusal('token_invalid', `the token ${why}`)
}

/** Tokens that wait for the keys of their issuer. */
export interface KeyWaits {
  /** @throws Unavailable `overloaded` when too many wait for this issuer */
  readonly wait: <Value>(issuer: string, pending: Promise<Value>) => Promise<Value>
}

/**
 * Bounds how many tokens wait for one issuer: a token that nobody signed makes us wait as long as a good one, and an issuer
 * that is silent must not take the places of tokens whose keys are known.
 */
export function createKeyWaits(max: number): KeyWaits {
  const waiting = new Map<string, number>()
  return {
    wait: async (issuer, pending) => {
      const others = waiting.get(issuer) ?? 0
      if (others >= max) {
        pending.catch(() => undefined)
        throw new Unavailable('overloaded', 'issuer', 'too many tokens wait for the keys of their issuer')
      }
      waiting.set(issuer, others + 1)
      try {
        return await pending
      } finally {
        const left = (waiting.get(issuer) ?? 1) - 1
        if (left === 0) waiting.delete(issuer)
        else waiting.set(issuer, left)
      }
    },
  }
}
