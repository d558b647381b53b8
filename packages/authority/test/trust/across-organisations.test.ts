import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { Answered } from '../authority-world.ts'
import { writeToken } from '../stop/write-token.ts'
import { describeStores, type StorePlace, sqlitePlace } from '../stores.ts'
import { startTrustWorld, type TrustWorld } from '../trust-world.ts'

const DOOR = 'a-token-of-doors'
const PARTNER = 'https://login.partner.example'
const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'

describeStores((createPlace) => {
  let places: readonly [StorePlace, StorePlace]
  let buyer: TrustWorld
  let seller: TrustWorld
  let partner: TestIssuer

  beforeAll(async () => {
    places = [await createPlace(), await sqlitePlace()]
    const [one, other] = places
    const http = { eventHttp: LOOPBACK, organisationHttp: LOOPBACK }
    seller = await startTrustWorld(one.open(), { ...http, doorTokens: [DOOR] })
    buyer = await startTrustWorld(other.open(), http)
    partner = await createTestIssuer('EdDSA', PARTNER)
    await seller.enrol('agt_desk', 'acme')
    await buyer.enrol('agt_buyer', 'acme')
    await believe({ issuer: buyer.issuer })
    await believe({ issuer: PARTNER, keys: { jwks: { keys: partner.jwks.keys } } })
  }, 60_000)
  afterAll(async () => {
    await Promise.all([buyer.close(), seller.close()])
    await Promise.all(places.map(({ remove }) => remove()))
  })

  const believe = async (more: object): Promise<void> => {
    const body = { name: 'Partner', ceiling: ['orders:read'], ...more }
    const { status } = await seller.call('POST', '/tenants/acme/organisations', { by: seller.world.admin, body })
    expect(status).toBe(201)
  }
  const doorLines = async (after: number) => {
    const headers = { authorization: `Bearer ${DOOR}` }
    const { body } = await seller.call('GET', `/doors/door-1/changes?after=${after}`, { headers })
    return body as { readonly seq: number; readonly events: readonly { readonly event: object }[] }
  }
  const push = (text: string, tenant = 'acme', type = 'application/secevent+jwt'): Promise<Answered> =>
    seller.call('POST', `/tenants/${tenant}/security-events`, { text, headers: { 'content-type': type } })
  let count = 0
  const mint = (claims: Members = {}, header: Members = {}): Promise<string> => {
    count += 1
    const usual = {
      aud: seller.issuer,
      jti: `set_${count}`,
      iat: seller.world.clock.seconds(),
      sub: undefined,
      exp: undefined,
    }
    const none = { act: undefined, client_id: undefined, scope: undefined, cnf: undefined }
    const subject = { sub_id: { format: 'iss_sub', iss: PARTNER, sub: 'mary' }, events: { [REVOKED]: {} } }
    return partner.mint({ ...none, ...usual, ...subject, ...claims }, { typ: 'secevent+jwt', ...header })
  }

  it('ends at doors of the seller what is stopped at the buyer', async () => {
    const endpoint_url = `${seller.issuer}/tenants/acme/security-events`
    const body = { aud: seller.issuer, delivery: { method: 'urn:ietf:rfc:8935', endpoint_url } }
    await buyer.call('POST', '/ssf/streams', { by: buyer.world.admin, body })
    const { seq } = await doorLines(0)
    await writeToken(buyer.world, { tokenId: 'dlg_of_buyer', agentId: 'agt_buyer', subject: 'agt_buyer' })
    const target = { kind: 'agent', agent: 'agt_buyer' }
    await buyer.call('POST', '/stops', { by: buyer.world.admin, body: { target, reason: 'stolen' } })
    await buyer.world.authority.deliverEvents()
    const { events } = await doorLines(seq)
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'user', issuer: buyer.issuer, subject: 'agt_buyer' }),
        expect.objectContaining({ type: 'token', issuer: buyer.issuer, tokenId: 'dlg_of_buyer' }),
      ]),
    )
    expect(seller.world.events()).toContain('security_event_taken')
  })

  it("ends what agents of the tenant do for the organisation's user, once for each event", async () => {
    await writeToken(seller.world, { tokenId: 'for_mary', agentId: 'agt_desk', subject: `${PARTNER}#mary` })
    await writeToken(seller.world, { tokenId: 'for_ours', agentId: 'agt_desk', subject: 'mary' })
    const { seq } = await doorLines(0)
    const set = await mint()
    expect([(await push(set)).status, (await push(set)).status]).toEqual([202, 202])
    const { events } = await doorLines(seq)
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: 'user', issuer: PARTNER, subject: 'mary' },
      { type: 'token', tokenId: 'for_mary' },
    ])
  })

  describe('an attacker', () => {
    it.each<readonly [string, () => Promise<string>, string]>([
      ['of an issuer that is not believed', () => mint({ iss: 'https://evil.example' }), 'invalid_issuer'],
      ['for another receiver', () => mint({ aud: 'https://other.example' }), 'invalid_audience'],
      ['that is another type of token', () => mint({}, { typ: 'at+jwt' }), 'invalid_request'],
      ['with sub and exp, as tokens have them', () => mint({ sub: 'mary', exp: 9_999_999_999 }), 'invalid_request'],
      ['of last week', () => mint({ iat: seller.world.clock.seconds() - 604_800 }), 'invalid_request'],
      ['of the future', () => mint({ iat: seller.world.clock.seconds() + 3600 }), 'invalid_request'],
      ['of a key that is not known', () => mint({}, { kid: 'another' }), 'invalid_key'],
      ['that was altered', async () => altered(await mint()), 'authentication_failed'],
    ])('cannot push an event %s', async (_what, make, code) => {
      expect(await push(await make())).toMatchObject({ status: 400, body: { err: code } })
    })

    it('cannot push to a tenant that does not believe the issuer, or as JSON', async () => {
      expect(await push(await mint(), 'globex')).toMatchObject({ status: 400, body: { err: 'invalid_issuer' } })
      expect(await push(await mint(), 'acme', 'application/json')).toMatchObject({ status: 400 })
    })

    it('who is believed cannot end what is of another issuer', async () => {
      const { seq } = await doorLines(0)
      const subjects = [
        { format: 'iss_sub', iss: seller.issuer, sub: 'agt_desk' },
        { format: 'jwt_id', iss: buyer.issuer, jti: 'dlg_other' },
        { format: 'opaque', id: 'agt_desk' },
      ]
      const answers = await Promise.all(subjects.map(async (sub_id) => push(await mint({ sub_id }))))
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202])
      expect((await doorLines(seq)).events).toEqual([])
    })
  })
})

function altered(set: string): string {
  const [header = '', payload = '', signature = ''] = set.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const other = Buffer.from(JSON.stringify({ ...claims, jti: 'altered' })).toString('base64url')
  return [header, other, signature].join('.')
}
