import { hash } from 'node:crypto'
import { type DelegationFact, type Environment, type KeySource, Refusal } from '@countermark/core'
import { type DelegationLink, type ImportedKey, isThenable, type KeyCaller } from '@countermark/core/internal'
import { revocationKey } from '../revocation/revocation-event.ts'
import { bothNetworks } from '../token/claims.ts'
import { type CompactJws, parseCompactJws } from '../token/jws.ts'
import { createJwsKey, fitsKey, type JoseAlgorithm, toJoseAlgorithm, verifyJwsSignature } from '../token/jws-key.ts'
import { MAX_TOKEN_LENGTH } from '../token/presented-token.ts'
import type { VerifiedToken } from '../token/verified-token.ts'
import { requireNoCircle } from './actor-chain.ts'
import { LINK_SCHEME, requireUsable } from './known-agents.ts'
import { depthOfDetails, type LinkClaims, readLinkClaims, requireNarrower, statedDepth } from './link.ts'

/** How links that agents sign themselves are judged. */
export interface LinkRules {
  /** Whether one granted scope covers one that is handed on. */
  readonly coversScope: (granted: string, wanted: string) => boolean
  /** How often a token that does not say so may be handed on. */
  readonly maxLinksUnlessStated: number
  readonly audiences: readonly string[]
  /** Most actors, those of the token and of all links together. */
  readonly maxDepth: number
  /** Knows the keys of agents whose token names only the thumbprint. */
  readonly agents: KeySource | undefined
  readonly allowTestKeys: boolean
}

/** Sets links apart from the token and from each other; base64url has no such character. */
export const SEPARATOR = '~'

/** The media type of a link. */
export const LINK_TYPE = 'delegation-link+jwt'

const RULES = { maxLength: MAX_TOKEN_LENGTH, code: 'chain_invalid', noun: 'link' } as const

/** Agents sign with what they sign requests with. */
const ALGORITHMS: readonly JoseAlgorithm[] = ['EdDSA', 'ES256', 'ES384', 'PS512']

interface Chain {
  readonly token: VerifiedToken
  readonly tokenText: string
  readonly links: readonly string[]
  readonly rules: LinkRules
  readonly caller: KeyCaller | undefined
}

/** What one hand holds before it passes it on. */
export interface Holding {
  readonly token: VerifiedToken
  /** How often it may still be passed on. */
  readonly depthLeft: number
}

/**
 * Verifies the links behind a token: each is signed with the key that the piece before it is bound to, commits to everything
 * before it, and only narrows.
 * @throws {@link Refusal} `chain_invalid`, `token_audience`, and of a key that its own limits exclude `key_…`
 */
export async function verifyLinks(chain: Chain, environment: Environment): Promise<VerifiedToken> {
  const { rules, links, caller } = chain
  let holding: Holding = { token: chain.token, depthLeft: statedDepth(chain.token, rules.maxLinksUnlessStated) }
  let before = chain.tokenText
  for (const text of links) {
    const jws = parseCompactJws(text, RULES)
    await requireSignature(jws, holding.token, { ...rules, caller }, environment)
    const link = readLinkClaims(jws.claims, rules.allowTestKeys)
    if (link.previousHash !== hash('sha256', before, 'base64url')) throw invalid('belongs to another token')
    requireNarrower(link, holding, rules)
    holding = handOn(link, holding, rules)
    before = `${before}${SEPARATOR}${text}`
  }
  return holding.token
}

async function requireSignature(
  jws: CompactJws,
  { binding, hops }: VerifiedToken,
  { agents, caller }: LinkRules & Pick<Chain, 'caller'>,
  environment: Environment,
): Promise<void> {
  if (!('thumbprint' in binding)) throw invalid('hands on a token that is bound to no key')
  const algorithm = toJoseAlgorithm(jws.algorithm)
  if (jws.type !== LINK_TYPE) throw invalid(`must be of type ${LINK_TYPE}`)
  if (jws.keyId !== binding.thumbprint)
    throw invalid('must be signed with the key that the piece before it is bound to')
  const key = binding.key ?? (await findKey(binding.thumbprint, hops[0]?.agentId, agents, environment, caller))
  if (algorithm === undefined || !ALGORITHMS.includes(algorithm) || !fitsKey(algorithm, key.publicKey)) {
    throw invalid('uses an algorithm that does not fit the key')
  }
  if (!verifyJwsSignature(createJwsKey(algorithm, key), jws, environment)) throw invalid('does not verify')
}

async function findKey(
  thumbprint: string,
  agentId: string | undefined,
  agents: KeySource | undefined,
  environment: Environment,
  caller: KeyCaller | undefined,
): Promise<ImportedKey> {
  const query = agentId === undefined ? { keyId: thumbprint } : { agentId, keyId: thumbprint, isAgentCovered: true }
  const found = agents?.findKeys(query, environment, caller) ?? []
  const keys = isThenable(found) ? await found : found
  const key = requireUsable(keys, thumbprint, LINK_SCHEME, environment)
  if (key === undefined) throw invalid('is signed with a key that nobody here knows')
  return key
}

function handOn(link: LinkClaims, { token, depthLeft }: Holding, rules: LinkRules): Holding {
  const { delegation, issuer } = token
  const actor = Object.freeze({ id: link.to, issuer: undefined })
  const priorActors = Object.freeze([delegation.actor, ...delegation.priorActors])
  const actors = [actor, ...priorActors]
  if (actors.length > rules.maxDepth) throw invalid(`makes more than ${rules.maxDepth} actors`)
  requireNoCircle(actors, { id: delegation.subject, issuer: undefined }, issuer.issuer)
  const agentId = issuer.agentIdOf(actor)
  const { authorizationDetails: details, networks } = link
  return {
    depthLeft: Math.min(depthLeft - 1, link.maxDepth, ...depthOfDetails(details ?? [])),
    token: {
      ...token,
      delegation: Object.freeze({
        ...delegation,
        actor,
        priorActors,
        scopes: link.scopes,
        links: Object.freeze([...linksOf(delegation), { scopes: link.scopes, issuedAt: link.times.issuedAt }]),
        authorizationDetails: Object.freeze([...delegation.authorizationDetails, ...(details ? [details] : [])]),
        audiences: link.audiences ?? delegation.audiences,
        expiresAt: link.times.expiresAt,
        binding: link.binding.kind,
      }),
      times: [...token.times, link.times],
      binding: link.binding,
      agentId,
      hops: [{ actor, agentId, thumbprint: link.binding.thumbprint }, ...token.hops],
      isHandedOn: true,
      revocables: [...token.revocables, toRevocable(link, agentId)],
      networks: bothNetworks(token.networks, networks),
    },
  }
}

function linksOf({ links, scopes, issuedAt }: DelegationFact): readonly DelegationLink[] {
  return links ?? [{ scopes, issuedAt }]
}

function toRevocable(link: LinkClaims, agentId: string | undefined): VerifiedToken['revocables'][number] {
  return {
    issuedAt: link.times.issuedAt,
    keys: [
      revocationKey({ type: 'token', issuer: link.from, tokenId: link.id }),
      revocationKey({ type: 'agent', agentId: agentId ?? link.to }),
      revocationKey({ type: 'key', thumbprint: link.binding.thumbprint }),
    ],
  }
}

function invalid(why: string): Refusal {
  return new Refusal('chain_invalid', `the link ${why}`)
}
