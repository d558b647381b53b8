import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { type ImportedKey, isThenable } from '@countermark/core/internal'
import { revocationKey } from '../revocation/revocation-event.ts'
import { bothNetworks } from '../token/claims.ts'
import { findAccepted, fitsKey, type JoseAlgorithm } from '../token/jose-algorithm.ts'
import { type CompactJws, parseCompactJws } from '../token/jws.ts'
import { createJwsKey } from '../token/jws-key.ts'
import { MAX_TOKEN_LENGTH } from '../token/presented-token.ts'
import type { VerifiedToken } from '../token/verified-token.ts'
import { requireNoCircle } from './actor-chain.ts'
import { type AgentLookup, findKeysOf, findUsableKey, LINK_SCHEME } from './known-agents.ts'
import {
  depthsOfDetails,
  type Grant,
  LINK_TYPE,
  type LinkClaims,
  type LinkRules,
  parseLinkClaims,
  requireNarrower,
  SEPARATOR,
  statedDepth,
} from './link.ts'

const JWS_RULES = { maxLength: MAX_TOKEN_LENGTH, code: 'chain_invalid', noun: 'link' } as const

/** Agents sign with what they sign requests with. */
const ALGORITHMS: readonly JoseAlgorithm[] = ['EdDSA', 'ES256', 'ES384', 'PS512']

/** A token, and the links behind it. */
export interface LinkedToken {
  readonly token: VerifiedToken
  readonly tokenText: string
  readonly links: readonly string[]
}

/**
 * Verifies the links behind a token: each is signed with the key that the grant before it is bound to, commits to everything
 * before it, and only narrows.
 * @throws {@link Refusal} `chain_invalid`, `token_audience`, and of a key that its own limits exclude `key_…`
 */
export async function verifyLinks(
  { token, tokenText, links }: LinkedToken,
  rules: LinkRules,
  lookup: AgentLookup,
): Promise<VerifiedToken> {
  let grant: Grant = { token, depthLeft: statedDepth(token, rules.maxLinksUnlessStated) }
  let before = tokenText
  for (const text of links) {
    const jws = parseCompactJws(text, JWS_RULES)
    await verifyLinkSignature(jws, grant.token, rules, lookup)
    const link = parseLinkClaims(jws.claims, rules.allowTestKeys)
    if (link.previousHash !== hash('sha256', before, 'base64url')) throw invalid('belongs to another token')
    requireNarrower(link, grant, rules)
    grant = handOn(link, grant, rules)
    before = `${before}${SEPARATOR}${text}`
  }
  return grant.token
}

async function verifyLinkSignature(
  jws: CompactJws,
  { binding, actors }: VerifiedToken,
  { agents }: LinkRules,
  lookup: AgentLookup,
): Promise<void> {
  if (!('thumbprint' in binding)) throw invalid('hands on a token that is bound to no key')
  const algorithm = findAccepted(jws.algorithm, ALGORITHMS)
  if (jws.type !== LINK_TYPE) throw invalid(`must be of type ${LINK_TYPE}`)
  if (jws.keyId !== binding.thumbprint) throw invalid('must be signed with the key that its grant is bound to')
  const key = binding.key ?? (await findKey(binding.thumbprint, actors[0]?.agentId, agents, lookup))
  if (algorithm === undefined || !fitsKey(algorithm, key.publicKey)) {
    throw invalid('uses an algorithm that does not fit the key')
  }
  if (!createJwsKey(algorithm, key).verifies(jws, lookup.environment)) throw invalid('does not verify')
}

async function findKey(
  thumbprint: string,
  agentId: string | undefined,
  agents: LinkRules['agents'],
  lookup: AgentLookup,
): Promise<ImportedKey> {
  const query = agentId === undefined ? { keyId: thumbprint } : { agentId, keyId: thumbprint, isAgentCovered: true }
  const found = findKeysOf(query, agents, lookup)
  const key = findUsableKey(isThenable(found) ? await found : found, thumbprint, LINK_SCHEME, lookup)
  if (key === undefined) throw invalid('is signed with a key that is not known here')
  return key
}

function handOn(link: LinkClaims, { token, depthLeft }: Grant, rules: LinkRules): Grant {
  const { delegation, issuer } = token
  const { links = [{ scopes: delegation.scopes, issuedAt: delegation.issuedAt }] } = delegation
  const actor = Object.freeze({ id: link.to, issuer: undefined })
  const priorActors = Object.freeze([delegation.actor, ...delegation.priorActors])
  if (priorActors.length >= rules.maxDepth) throw invalid(`makes more than ${rules.maxDepth} actors`)
  requireNoCircle([actor, ...priorActors], { id: delegation.subject, issuer: undefined }, issuer.issuer)
  const agentId = issuer.agentIdOf(actor)
  const { authorizationDetails: details, networks } = link
  return {
    depthLeft: Math.min(depthLeft - 1, link.maxDepth, ...depthsOfDetails(details ?? [])),
    token: {
      ...token,
      delegation: Object.freeze({
        ...delegation,
        actor,
        priorActors,
        scopes: link.scopes,
        links: Object.freeze([...links, { scopes: link.scopes, issuedAt: link.times.issuedAt }]),
        authorizationDetails: Object.freeze([...delegation.authorizationDetails, ...(details ? [details] : [])]),
        audiences: link.audiences ?? delegation.audiences,
        expiresAt: link.times.expiresAt,
        binding: link.binding.kind,
      }),
      times: [...token.times, link.times],
      binding: link.binding,
      agentId,
      actors: [{ actor, agentId, thumbprint: link.binding.thumbprint }, ...token.actors],
      isHandedOn: true,
      revocables: [...token.revocables, toRevocable(link, agentId)],
      networks: bothNetworks(token.networks, networks),
    },
  }
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
