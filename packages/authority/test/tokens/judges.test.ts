import { createFakeClock } from '@countermark/testing'
import { type CryptoKey, createRemoteJWKSet, importJWK, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { INTROSPECTOR, type KnownAgent, ORDERS } from './running-authority.ts'
import { ACCESS_TOKEN, type AuthorityWithUsers, EXCHANGE, startWithUsers } from './user-issuer.ts'

let authority: AuthorityWithUsers
let buyer: KnownAgent
let key: CryptoKey

// What others verify goes by the machine's clock.
beforeAll(async () => {
  authority = await startWithUsers({}, { clock: createFakeClock(Date.now()) })
  buyer = await authority.createAgent('agt_buyer')
  key = (await importJWK({ ...buyer.agent.privateJwk, ext: true }, 'EdDSA')) as CryptoKey
})
afterAll(() => authority.close())

describe('openid-client', () => {
  let config: client.Configuration

  beforeAll(async () => {
    config = await client.discovery(
      new URL(authority.issuer),
      'agt_buyer',
      undefined,
      client.PrivateKeyJwt({ key, kid: buyer.agent.keyId }),
      { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
    )
  })

  it('obtains a token, bound to a key of its own', async () => {
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const tokens = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource: ORDERS }, { DPoP })
    expect(tokens).toMatchObject({ token_type: 'dpop', scope: 'orders:read', expires_in: 600 })
    const told = await client.tokenIntrospection(config, tokens.access_token)
    expect(told).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: expect.any(String) } })
  })

  it('exchanges, refreshes, introspects and revokes', async () => {
    const subject = await authority.userToken()
    const asked = { subject_token: subject, subject_token_type: ACCESS_TOKEN, resource: ORDERS }
    const scope = 'orders:read offline_access'
    const tokens = await client.genericGrantRequest(config, EXCHANGE, { ...asked, scope })
    expect(tokens).toMatchObject({ issued_token_type: ACCESS_TOKEN, scope: 'orders:read' })
    const next = await client.refreshTokenGrant(config, String(tokens.refresh_token))
    expect(await client.tokenIntrospection(config, next.access_token)).toMatchObject({
      ...{ active: true, iss: authority.issuer, sub: 'user_17', client_id: 'agt_buyer', scope: 'orders:read' },
      act: { sub: 'agt_buyer' },
    })
    await client.tokenRevocation(config, next.access_token)
    expect(await client.tokenIntrospection(config, next.access_token)).toEqual({ active: false })
  })

  it('is told what is wrong', async () => {
    const refused = client.clientCredentialsGrant(config, { scope: 'payroll:read', resource: ORDERS })
    await expect(refused).rejects.toMatchObject({ error: 'invalid_scope', status: 400 })
  })
})

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const agent: oauth.Client = { client_id: 'agt_buyer' }
  const authentication = (): oauth.ClientAuth => oauth.PrivateKeyJwt({ key, kid: buyer.agent.keyId })
  let server: oauth.AuthorizationServer

  beforeAll(async () => {
    const issuer = new URL(authority.issuer)
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    server = await oauth.processDiscoveryResponse(issuer, response)
  })

  it('obtains a token that it accepts as a service', async () => {
    const pair = await oauth.generateKeyPair('Ed25519')
    const DPoP = oauth.DPoP(agent, pair)
    const form = { scope: 'orders:read', resource: ORDERS }
    const response = await oauth.clientCredentialsGrantRequest(server, agent, authentication(), form, {
      DPoP,
      ...insecure,
    })
    const { access_token: token } = await oauth.processClientCredentialsResponse(server, agent, response)
    let sent: Request | undefined
    await oauth.protectedResourceRequest(token, 'GET', new URL(`${ORDERS}/orders`), undefined, undefined, {
      DPoP,
      [oauth.customFetch]: async (url, options) => {
        sent = new Request(url, options as RequestInit)
        return new Response()
      },
    })
    const claims = await oauth.validateJwtAccessToken(server, sent ?? new Request(ORDERS), ORDERS, insecure)
    expect(claims).toMatchObject({ sub: 'agt_buyer', client_id: 'agt_buyer', scope: 'orders:read' })
  })

  it('exchanges, introspects as a service, and revokes', async () => {
    const form = { subject_token: await authority.userToken(), subject_token_type: ACCESS_TOKEN, resource: ORDERS }
    const exchanged = await oauth.genericTokenEndpointRequest(server, agent, authentication(), EXCHANGE, form, insecure)
    const { access_token: token } = await oauth.processGenericTokenEndpointResponse(server, agent, exchanged)
    const introspect = async (): Promise<oauth.IntrospectionResponse> => {
      const service: oauth.Client = { client_id: INTROSPECTOR.clientId }
      const secret = oauth.ClientSecretBasic(INTROSPECTOR.clientSecret)
      const response = await oauth.introspectionRequest(server, service, secret, token, insecure)
      return oauth.processIntrospectionResponse(server, service, response)
    }
    expect(await introspect()).toMatchObject({ active: true, sub: 'user_17', aud: ORDERS })
    const revoked = await oauth.revocationRequest(server, agent, authentication(), token, insecure)
    await oauth.processRevocationResponse(revoked)
    expect(await introspect()).toEqual({ active: false })
  })
})

describe('jose', () => {
  it('verifies tokens with the published keys, also of the key before', async () => {
    const keySet = createRemoteJWKSet(new URL(`${authority.issuer}/jwks.json`), { cooldownDuration: 0 })
    const obtain = async (): Promise<string> => {
      const form = { grant_type: 'client_credentials', resource: ORDERS }
      return String((await authority.post('/token', form, buyer)).body['access_token'])
    }
    const verify = (token: string): ReturnType<typeof jwtVerify> =>
      jwtVerify(token, keySet, { issuer: authority.issuer, audience: ORDERS, typ: 'at+jwt', clockTolerance: 5000 })
    const before = await obtain()
    await authority.keys.rotate()
    authority.clock.advance(3600_000)
    const after = await obtain()
    const [old, young] = [await verify(before), await verify(after)]
    expect(old.payload.sub).toBe('agt_buyer')
    expect(young.payload.sub).toBe('agt_buyer')
    expect(young.protectedHeader.kid).not.toBe(old.protectedHeader.kid)
  })
})
