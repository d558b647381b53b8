import { hash } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { claimOnce, isJsonObject, type JsonObject, ownMember, refusalOf } from '@countermark/core/internal'
import type { VerifiedToken } from '@countermark/delegation/internal'
import { bindToKey } from '../binding/proof-of-possession.ts'
import type { AgentClient } from '../client-authentication/client.ts'
import { shortestLifetime } from '../client-credentials/client-credentials.ts'
import type { TokenCall } from '../http/token-call.ts'
import { issueToken, type TokenDraft } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import { mergeDetails, parseDetails, readDetails } from '../narrowing/details.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets } from '../narrowing/targets.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import type { IdentityAssertion } from '../subject-tokens/subject-tokens.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'

/**
 * A token for an identity assertion (draft-ietf-oauth-identity-assertion-authz-grant): the user's identity provider says which
 * client may act for the user, where, and how far. Each counts once.
 * @throws OAuthError `invalid_grant`, `invalid_target`, `invalid_scope`
 */
export async function redeemIdJag(
  call: TokenCall,
  assertion: string,
  client: AgentClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const { token, subject, within } = await verify(assertion, client, settings)
  const binding = (await settings.possession.findProven(call.request, client.key.thumbprint)) ?? bindToKey(client.key)
  const draft = { ...draftFor(call, { token, within }, client, settings), subject, binding }
  await claim(token, settings)
  return toTokenResponse(draft, await issueToken(draft, settings))
}

async function verify(
  assertion: string,
  { id }: AgentClient,
  { subjects }: TokenSettings,
): ReturnType<TokenSettings['subjects']['verifyIdJag']> {
  try {
    const verified = await subjects.verifyIdJag(assertion, id)
    const { token } = verified
    const stated = ownMember(claimsOf(token), 'client_id')
    const agentId = typeof stated === 'string' ? token.issuer.agentIdOf({ id: stated, issuer: undefined }) : undefined
    if (agentId === id) return verified
  } catch (error) {
    throw toOAuthError(error, 'invalid_grant')
  }
  throw new OAuthError('invalid_grant', 'the assertion must be made for the client that redeems it')
}

function draftFor(
  { form, since }: TokenCall,
  { token, within }: Pick<IdentityAssertion, 'token' | 'within'>,
  client: AgentClient,
  settings: TokenSettings,
): Omit<TokenDraft, 'binding' | 'subject'> {
  const claims = claimsOf(token)
  const resource = ownMember(claims, 'resource')
  const named = resource === undefined ? undefined : [resource].flat().map(String)
  const allowed = named?.filter((each) => within?.resources?.includes(each) ?? true) ?? within?.resources
  const services = findTargets(form, settings.services, allowed)
  const { delegation } = token
  const scopes = narrowScopes(parseScopes(form.find('scope')), {
    ceiling: ceilingOf(client.record),
    // An assertion that names no scope lets the client do nothing: what the agent may do at all is no wish of the user's.
    subject: delegation.scopes,
    services: [...services.map((service) => service.scopes), within?.ceiling],
  })
  const granted = readDetails(ownMember(claims, 'authorization_details') ?? [])
  return {
    grant: 'jwt_bearer',
    subjectProfile: 'user',
    act: { sub: client.id, iss: settings.issuer, sub_profile: 'ai_agent' },
    agentId: client.id,
    audiences: services.map(({ audience }) => audience),
    scopes,
    details: mergeDetails(granted, parseDetails(form.find('authorization_details')), scopes),
    limits: limitsOf(client.record),
    restrictip: undefined,
    endsAt: client.key.notAfter ?? Number.POSITIVE_INFINITY,
    parent: undefined,
    since,
    assertedAt: delegation.issuedAt,
    familyId: undefined,
    maxLifetimeSeconds: shortestLifetime(services),
  }
}

/** Claimed last: a request that asks for the wrong service may be made again. */
async function claim({ delegation, key }: VerifiedToken, { clients }: TokenSettings): Promise<void> {
  const proof = {
    id: hash('sha256', `id-jag ${JSON.stringify([delegation.issuer, delegation.tokenId])}`, 'buffer'),
    thumbprint: key.thumbprint,
    created: Math.floor(delegation.issuedAt),
    acceptUntil: Math.ceil(delegation.expiresAt),
    nonce: undefined,
  }
  const refusal = refusalOf(await claimOnce(clients.replay, proof, clients.environment), {
    replayed: usedBefore,
    unproven: usedBefore,
  })
  if (refusal !== undefined) throw toOAuthError(refusal, 'invalid_grant')
}

function usedBefore(): Refusal {
  return new Refusal('replay_detected', 'the assertion was redeemed before')
}

function claimsOf({ delegation }: VerifiedToken): JsonObject {
  return isJsonObject(delegation.claims) ? delegation.claims : {}
}
