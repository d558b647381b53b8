import { clientCredentials, createAgentFetch } from '@countermark/client'
import { DOORS } from './doors.ts'
import { claimsOf, ORDERS, type RunningAuthority, startAuthority } from './running-authority.ts'

let authority: RunningAuthority

beforeAll(async () => {
  authority = await startAuthority()
})
afterAll(() => authority.close())

describe('a token of client credentials', () => {
  it.each(DOORS)('opens a door on %s', async (name, start) => {
    const door = await start(authority)
    const { id, privateKey: key, agent } = await authority.createAgent(`agt_${name.toLowerCase()}`)
    const { clock, issuer } = authority
    const common = { key, keyId: agent.keyId, clock }
    const token = clientCredentials({
      ...{ tokenEndpoint: `${issuer}/token`, issuer, clientId: id, allowLoopbackHttp: true, resource: ORDERS },
      ...common,
    })
    const agentFetch = createAgentFetch({ agentId: id, origins: [door.origin], token, ...common })
    const response = await agentFetch(`${door.origin}/orders`)
    expect([response.status, await response.json()]).toEqual([200, { agent: id, subject: id, prior: [] }])
    await door.close()
  })

  it('says who, for what, where and until when', async () => {
    const buyer = await authority.createAgent('agt_buyer')
    const form = { grant_type: 'client_credentials', scope: 'orders:read', resource: ORDERS }
    const { status, body } = await authority.post('/token', form, buyer)
    expect([status, body]).toMatchObject([200, { token_type: 'Bearer', expires_in: 600, scope: 'orders:read' }])
    const now = authority.clock.seconds()
    expect(claimsOf(body['access_token'])).toEqual({
      ...{ iss: authority.issuer, sub: 'agt_buyer', sub_profile: 'ai_agent', aud: ORDERS, client_id: 'agt_buyer' },
      ...{ iat: now, exp: now + 600, scope: 'orders:read' },
      ...{ jti: expect.stringMatching(/^dlg_/), txn: expect.stringMatching(/^txn_/) },
      cnf: { jwk: buyer.agent.publicJwk },
      status: { status_list: { idx: expect.any(Number), uri: `${authority.issuer}/status/1` } },
    })
  })
})
