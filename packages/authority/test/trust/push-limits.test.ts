import { type StartedServer, startServer } from '@countermark/testing'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createTestIssuer, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { Answered } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'
import { startTrustWorld, type TrustWorld } from '../trust-world.ts'

const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'

describe('security events that are pushed', () => {
  let place: StorePlace
  let trust: TrustWorld
  let partner: TestIssuer
  let server: StartedServer
  let asked = 0

  beforeAll(async () => {
    place = await sqlitePlace()
    partner = await createTestIssuer('EdDSA', 'https://login.partner.example')
    server = await startServer((_req, res) => {
      asked += 1
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(partner.jwks))
    })
    const sourceLimit = { perSecond: 1, burst: 3 }
    trust = await startTrustWorld(place.open(), {
      ...{ organisationHttp: LOOPBACK, sourceLimit, trustedProxies: ['127.0.0.0/8'] },
    })
    const keys = { jwksUri: `${server.origin}/keys` }
    const body = { issuer: partner.issuer, name: 'Partner', keys, ceiling: ['orders:read'] }
    await trust.call('POST', '/tenants/acme/organisations', { by: trust.world.admin, body })
  }, 60_000)
  afterAll(async () => {
    await Promise.all([trust.close(), server.close()])
    await place.remove()
  })

  const push = (text: string, from: string): Promise<Answered> => {
    const headers = { 'content-type': 'application/secevent+jwt', 'x-forwarded-for': from }
    return trust.call('POST', '/tenants/acme/security-events', { text, headers })
  }
  const mint = (jti: string): Promise<string> => {
    const none = {
      act: undefined,
      client_id: undefined,
      scope: undefined,
      cnf: undefined,
      sub: undefined,
      exp: undefined,
    }
    const about = { aud: trust.issuer, jti, iat: trust.world.clock.seconds() }
    const subject = { sub_id: { format: 'iss_sub', iss: partner.issuer, sub: 'mary' }, events: { [REVOKED]: {} } }
    return partner.mint({ ...none, ...about, ...subject }, { typ: 'secevent+jwt' })
  }

  it('have their keys fetched once for many', async () => {
    const sets = await Promise.all(['one', 'two', 'three', 'four', 'five'].map(mint))
    const statuses: number[] = []
    for (const set of sets) statuses.push((await push(set, '203.0.113.1')).status)
    expect([statuses, asked]).toEqual([[202, 202, 202, 202, 202], 1])
  })

  it('cost the network of an attacker, and no other one', async () => {
    const statuses: number[] = []
    for (const set of ['a', 'b', 'c', 'd', 'e']) statuses.push((await push(set, '198.51.100.7')).status)
    expect(statuses).toEqual([400, 400, 400, 429, 429])
    expect(await push(await mint('six'), '198.51.100.9')).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect((await push(await mint('seven'), '203.0.113.1')).status).toBe(202)
    trust.world.clock.advance(2000)
    expect((await push(await mint('eight'), '198.51.100.7')).status).toBe(202)
  })
})
