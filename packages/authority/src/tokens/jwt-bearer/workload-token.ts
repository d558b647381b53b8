import type { AgentRecord } from '@countermark/core'
import { findAgentRecord, type JsonObject } from '@countermark/core/internal'
import type { VerifiedToken } from '@countermark/delegation/internal'
import { requireActive } from '../client-authentication/client.ts'
import { shortestLifetime } from '../client-credentials/client-credentials.ts'
import type { TokenCall } from '../http/token-call.ts'
import { issueToken } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import { parseDetails } from '../narrowing/details.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets } from '../narrowing/targets.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'

/**
 * A token for what a platform says of a workload: a JWT-SVID (SPIFFE), the ID token of a CI job. The workload is an agent and acts
 * for itself. Such a token may be used until it ends, so that what it is redeemed for is bound to a key of its own.
 * @throws OAuthError `invalid_grant`, `invalid_request` without a DPoP proof
 */
export async function redeemWorkloadToken(
  { request, form, since }: TokenCall,
  assertion: string,
  settings: TokenSettings,
): Promise<JsonObject> {
  const token = await verify(assertion, settings)
  const record = await findAgent(token, form.find('client_id'), settings)
  settings.budget.prove(request, record.id)
  const binding = await settings.possession.findProven(request)
  if (binding === undefined) throw new OAuthError('invalid_request', 'send a DPoP proof: the token is bound to its key')
  const services = findTargets(form, settings.services)
  const draft = {
    grant: 'jwt_bearer',
    subject: record.id,
    subjectProfile: 'ai_agent',
    act: undefined,
    agentId: record.id,
    audiences: services.map(({ audience }) => audience),
    scopes: narrowScopes(parseScopes(form.find('scope')), {
      ceiling: ceilingOf(record),
      services: services.map(({ scopes }) => scopes),
    }),
    details: parseDetails(form.find('authorization_details')),
    limits: limitsOf(record),
    binding,
    restrictip: undefined,
    endsAt: token.delegation.expiresAt,
    parent: undefined,
    since,
    familyId: undefined,
    maxLifetimeSeconds: shortestLifetime(services),
  } as const
  return toTokenResponse(draft, await issueToken(draft, settings))
}

async function verify(assertion: string, { subjects }: TokenSettings): Promise<VerifiedToken> {
  try {
    return await subjects.verifyWorkload(assertion)
  } catch (error) {
    throw toOAuthError(error, 'invalid_grant')
  }
}

async function findAgent(
  { agentId }: VerifiedToken,
  clientId: string | undefined,
  { agents, environment }: TokenSettings,
): Promise<AgentRecord> {
  const record = agentId === undefined ? undefined : await lookUp(agentId)
  if (record === undefined) throw new OAuthError('invalid_grant', 'the workload is no agent that is registered here')
  if (clientId !== undefined && clientId !== record.id)
    throw new OAuthError('invalid_client', 'client_id names another agent than the assertion')
  requireActive(record)
  return record

  async function lookUp(id: string): Promise<AgentRecord | undefined> {
    try {
      return await findAgentRecord(agents, { agentId: id }, environment)
    } catch (error) {
      throw toOAuthError(error, 'invalid_grant')
    }
  }
}
