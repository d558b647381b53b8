import type { DelegationFact } from '@countermark/core'
import type { PolicyCaller } from '@countermark/policy'

const ISSUER = 'https://login.example.com'

/** A proven agent, for a user where one is named. */
export function aCaller(
  given: { readonly id?: string; readonly user?: string; readonly more?: Partial<DelegationFact> } = {},
): PolicyCaller {
  const { id = 'agt_a', user, more } = given
  const agent = { id, level: 'signed', scheme: 'httpsig', record: { id, state: 'active' } } as const
  if (user === undefined) return { agent }
  const delegation: DelegationFact = {
    issuer: ISSUER,
    subject: user,
    tokenId: 'dlg_1',
    actor: { id, issuer: undefined },
    priorActors: [],
    scopes: ['pr:write:draft'],
    authorizationDetails: [],
    audiences: [],
    issuedAt: 1_767_225_600,
    expiresAt: 1_767_229_200,
    binding: 'jwk',
    claims: {},
    ...more,
  }
  return { agent, delegation }
}
