import { Misconfigured } from '@countermark/core'
import type { IssuerKeyPlace } from './issuer-keys.ts'
import type { IssuerOptions } from './issuer-options.ts'
import { trustDomainOf } from './spiffe.ts'

/** What an application changes of a preset. */
export type PresetChanges = Omit<Partial<IssuerOptions>, 'issuer'>

/**
 * Auth0: access tokens for an API with a custom audience. The calling application is the agent; `act`, which an Action may
 * add, goes first.
 * @example auth0('tenant.eu.auth0.com')
 */
export function auth0(domain: string, changes: PresetChanges = {}): IssuerOptions {
  return {
    issuer: `https://${requireHost('auth0', domain)}/`,
    // Without the RFC 9068 profile the type is JWT; what an ID token has and an access token has not is refused.
    types: ['at+jwt', 'JWT'],
    algorithms: ['RS256', 'PS256'],
    requiredClaims: [],
    actorClaims: ['azp', 'client_id'],
    maxLifetimeSeconds: DAY,
    ...changes,
  }
}

/**
 * Okta: access tokens of a custom authorization server.
 * @example okta('example.okta.com', 'default')
 */
export function okta(domain: string, authorizationServer: string, changes: PresetChanges = {}): IssuerOptions {
  return {
    issuer: `https://${requireHost('okta', domain)}/oauth2/${requireSegment('okta', authorizationServer)}`,
    types: ['none', 'at+jwt'],
    algorithms: ['RS256'],
    requiredClaims: ['jti', 'cid'],
    actorClaims: ['cid'],
    scopeClaims: ['scp'],
    maxLifetimeSeconds: DAY,
    ...changes,
  }
}

/**
 * Microsoft Entra ID: access tokens of one tenant, of version 2, or of version 1, which an application gets whose manifest says
 * nothing else. Delegated permissions come from `scp`; where there is none, the application's own from `roles`.
 * @example entra('11111111-2222-3333-4444-555555555555')
 */
export function entra(tenantId: string, changes: PresetChanges = {}): IssuerOptions {
  const tenant = requireSegment('entra', tenantId)
  return {
    issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
    aliases: [`https://sts.windows.net/${tenant}/`],
    types: ['JWT'],
    algorithms: ['RS256'],
    requiredClaims: ['uti'],
    expectedClaims: { tid: tenant, ver: ['2.0', '1.0'] },
    actorClaims: ['azp', 'appid'],
    scopeClaims: ['scp', 'roles'],
    tokenIdClaim: 'uti',
    // Between 60 and 90 minutes, chosen at random; continuous access evaluation makes it longer than any limit here.
    maxLifetimeSeconds: 2 * 3600,
    ...changes,
  }
}

/**
 * Keycloak: access tokens of one realm, whose payload says `typ: Bearer`, or `typ: DPoP` where they are bound. That word tells
 * them from ID tokens, so that an access token may carry the `nonce` of its user's login.
 * @example keycloak('https://id.example.com/realms/main')
 */
export function keycloak(realmUrl: string, changes: PresetChanges = {}): IssuerOptions {
  return {
    issuer: requireUrl('keycloak', realmUrl),
    types: ['JWT', 'at+jwt'],
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    requiredClaims: ['jti', 'azp'],
    expectedClaims: { typ: ['Bearer', 'DPoP'] },
    idTokens: 'accept',
    actorClaims: ['azp'],
    ...changes,
  }
}

/**
 * Google: ID tokens of service accounts, the only tokens of Google's that others can verify. The account is the agent and acts
 * for itself; `audience` is what the account asked for.
 * @example google({ agentIds: { '1234567890': 'agt_reports' } })
 */
export function google(changes: PresetChanges = {}): IssuerOptions {
  return {
    issuer: 'https://accounts.google.com',
    keys: { jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' },
    types: ['JWT'],
    algorithms: ['RS256'],
    requiredClaims: ['azp'],
    actor: 'optional',
    idTokens: 'accept',
    ...changes,
  }
}

/**
 * The authority of this suite: `act` names the agent; a token without it is an agent's own, and says so by `sub_profile`.
 * @example countermarkAuthority('https://authority.example.com')
 */
export function countermarkAuthority(url: string, changes: PresetChanges = {}): IssuerOptions {
  return {
    issuer: requireUrl('countermarkAuthority', url),
    algorithms: ['EdDSA', 'ES256'],
    actor: 'required-for-users',
    ...changes,
  }
}

/**
 * A SPIFFE trust domain: JWT-SVIDs of its workloads (JWT-SVID section 3), each of which is an agent and acts for itself. Its
 * SPIFFE ID is its agent id, unless `agentIds` says otherwise.
 * @example spiffe('example.org', { bundleUri: 'https://spire.example.org/bundle' })
 */
export function spiffe(
  trustDomain: string,
  keys: Extract<IssuerKeyPlace, { readonly bundle: object } | { readonly bundleUri: string }>,
  changes: Omit<PresetChanges, 'keys'> = {},
): IssuerOptions {
  const issuer = `spiffe://${trustDomain}`
  if (trustDomainOf(issuer) === undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'spiffe takes the name of a trust domain such as example.org')
  }
  return {
    issuer,
    keys,
    types: ['JWT', 'JOSE', 'none'],
    algorithms: ['ES256', 'RS256', 'ES384', 'PS256', 'RS384', 'PS384', 'RS512', 'PS512'],
    requiredClaims: [],
    actor: 'optional',
    ...changes,
  }
}

const DAY = 86_400

function requireHost(preset: string, domain: string): string {
  if (typeof domain === 'string' && /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(domain)) return domain
  throw new Misconfigured('ERR_OPTION_INVALID', `${preset} takes a host name such as tenant.example.com`)
}

function requireSegment(preset: string, text: string): string {
  if (typeof text === 'string' && /^[A-Za-z0-9-]+$/.test(text)) return text
  throw new Misconfigured('ERR_OPTION_INVALID', `${preset} takes an id of letters, digits and hyphens`)
}

function requireUrl(preset: string, url: string): string {
  if (typeof url === 'string' && URL.canParse(url)) return url
  throw new Misconfigured('ERR_OPTION_INVALID', `${preset} takes the URL that tokens name as iss`)
}
