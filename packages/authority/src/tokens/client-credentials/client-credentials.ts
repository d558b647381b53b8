import type { JsonObject } from '@countermark/core/internal'
import { bindToKey } from '../binding/proof-of-possession.ts'
import type { AgentClient } from '../client-authentication/client.ts'
import type { TokenCall } from '../http/token-call.ts'
import { issueToken } from '../issuing/issue-token.ts'
import { toTokenResponse } from '../issuing/token-response.ts'
import { parseDetails } from '../narrowing/details.ts'
import { limitsOf } from '../narrowing/limits.ts'
import { narrowScopes, parseScopes } from '../narrowing/scopes.ts'
import { findTargets, type Service } from '../narrowing/targets.ts'
import { ceilingOf, type TokenSettings } from '../token-settings.ts'

/**
 * A token for an agent that acts for itself (RFC 6749 section 4.4): `sub` is the agent, and there is no `act`.
 * @throws OAuthError
 */
export async function grantClientCredentials(
  { request, form, since }: TokenCall,
  client: AgentClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const services = findTargets(form, settings.services)
  const ceiling = ceilingOf(client.record)
  const draft = {
    grant: 'client_credentials',
    subject: client.id,
    subjectProfile: 'ai_agent',
    act: undefined,
    agentId: client.id,
    audiences: services.map(({ audience }) => audience),
    scopes: narrowScopes(parseScopes(form.find('scope')), { ceiling, services: services.map(({ scopes }) => scopes) }),
    details: parseDetails(form.find('authorization_details')),
    limits: limitsOf(client.record),
    binding: (await settings.possession.findProven(request, client.key.thumbprint)) ?? bindToKey(client.key),
    restrictip: undefined,
    endsAt: client.key.notAfter ?? Number.POSITIVE_INFINITY,
    parent: undefined,
    since,
    familyId: undefined,
    maxLifetimeSeconds: shortestLifetime(services),
  } as const
  return toTokenResponse(draft, await issueToken(draft, settings))
}

/** The shortest that one of the services allows. Seconds. */
export function shortestLifetime(services: readonly Service[]): number {
  return Math.min(...services.map(({ maxLifetimeSeconds }) => maxLifetimeSeconds ?? Number.POSITIVE_INFINITY))
}
