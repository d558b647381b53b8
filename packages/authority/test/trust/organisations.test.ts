import fc from 'fast-check'
import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { Answered, Sent } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import type { KnownAgent } from '../tokens/running-authority.ts'
import { claimsOf, SERVICE, startTrustWorld, type TrustWorld } from '../trust-world.ts'

const PARTNER = 'https://login.partner.example'
const INTRUDER = 'https://login.example.com'

describeStores((createPlace) => {
  let place: StorePlace
  let trust: TrustWorld
  let partner: TestIssuer
  let own: TestIssuer
  let buyer: KnownAgent
  let clerk: KnownAgent
  let stranger: KnownAgent

  beforeAll(async () => {
    place = await createPlace()
    partner = await createTestIssuer('EdDSA', PARTNER)
    own = await createTestIssuer('EdDSA', INTRUDER)
    const users = [{ ...own.options(), mayAct: 'any-agent' as const }]
    const services = [{ audience: SERVICE }, { audience: 'https://other.test' }]
    const issuer = 'https://replaced.test'
    trust = await startTrustWorld(place.open(), { tokens: { issuer, services, trustedIssuers: { users } } })
    buyer = await trust.enrol('agt_buyer', 'acme')
    clerk = await trust.enrol('agt_clerk', 'acme')
    stranger = await trust.enrol('agt_stranger', 'globex')
  }, 60_000)
  afterEach(() => trust.world.clock.advance(2000))
  afterAll(async () => {
    await trust.close()
    await place.remove()
  })

  const manage = (method: string, path: string, sent: Sent = {}): Promise<Answered> =>
    trust.call(method, `/tenants/acme/organisations${path}`, { by: trust.world.admin, ...sent })
  const add = async (more: object = {}): Promise<Answered> =>
    manage('POST', '', {
      body: {
        ...{ issuer: PARTNER, name: 'Partner', keys: { jwks: { keys: partner.jwks.keys } }, ceiling: ['orders:read'] },
        ...{ mayAct: 'any-agent', ...more },
      },
    })
  const removeAll = async (): Promise<void> => {
    for (const { id } of (await manage('GET', '')).body.items) await manage('DELETE', `/${id}`)
  }
  const mint = (by: TestIssuer, claims: Members = {}): Promise<string> => {
    const now = trust.world.clock.seconds()
    const usual = { sub: 'mary', aud: trust.issuer, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
    return by.mint({ ...usual, scope: 'orders:read orders:write', jti: `jti_${Math.random()}`, ...claims })
  }
  const outcome = async (by: KnownAgent, token: string, more = {}): Promise<readonly unknown[]> => {
    const { status, body } = await trust.exchange(by, token, more)
    return [status, body['error'] ?? body['scope']]
  }

  describe('an organisation that a tenant believes', () => {
    beforeEach(async () => {
      await removeAll()
      trust.world.clock.advance(2000)
    })

    it("lets agents of the tenant act for its users, within its ceiling, under its users' own names", async () => {
      expect(await outcome(buyer, await mint(partner))).toEqual([400, 'invalid_request'])
      expect((await add()).status).toBe(201)
      const { status, body } = await trust.exchange(buyer, await mint(partner))
      expect([status, body['scope']]).toEqual([200, 'orders:read'])
      expect(claimsOf(body['access_token'])).toMatchObject({ sub: `${PARTNER}#mary`, act: { sub: 'agt_buyer' } })
      expect(await outcome(buyer, await mint(partner), { scope: 'orders:write' })).toEqual([400, 'invalid_scope'])
    })

    it('is believed by no other tenant', async () => {
      await add()
      expect(await outcome(stranger, await mint(partner))).toEqual([400, 'invalid_request'])
    })

    it('is believed for the agents and the services that the tenant names', async () => {
      await add({ agents: ['agt_clerk'], resources: ['https://other.test'] })
      expect(await outcome(buyer, await mint(partner), { resource: 'https://other.test' })).toEqual([
        ...[400, 'invalid_request'],
      ])
      expect(await outcome(clerk, await mint(partner))).toEqual([400, 'invalid_target'])
      expect(await outcome(clerk, await mint(partner), { resource: 'https://other.test' })).toEqual([
        ...[200, 'orders:read'],
      ])
    })

    it('ends what agents do on its word when it is removed, and is believed no longer', async () => {
      const { body: added } = await add()
      const form = { scope: 'orders:read offline_access' }
      const { body } = await trust.exchange(buyer, await mint(partner), form)
      const { body: kept } = await trust.exchange(buyer, await mint(own))
      const isActive = async (token: unknown): Promise<unknown> =>
        (await trust.post('/introspect', { token }, buyer)).body['active']
      expect((await manage('DELETE', `/${added.id}`)).body).toMatchObject({ tokens: 1 })
      expect([await isActive(body['access_token']), await isActive(kept['access_token'])]).toEqual([false, true])
      const refresh = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] }
      expect((await trust.post('/token', refresh, buyer)).body['error']).toBe('invalid_grant')
      expect(await outcome(buyer, await mint(partner))).toEqual([400, 'invalid_request'])
    })

    it('redeems its identity assertions within the same bounds, once', async () => {
      await add({ resources: [SERVICE] })
      const claims = { client_id: 'agt_buyer', resource: SERVICE, scope: 'orders:read orders:write', jti: 'jag_1' }
      const now = trust.world.clock.seconds()
      const assertion = await partner.mint(
        { sub: 'mary', aud: trust.issuer, act: undefined, iat: now, exp: now + 300, ...claims },
        { typ: 'oauth-id-jag+jwt' },
      )
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }
      expect((await trust.post('/token', form, stranger)).body['error']).toBe('invalid_grant')
      const { body } = await trust.post('/token', form, buyer)
      expect([body['scope'], claimsOf(body['access_token'])['sub']]).toEqual(['orders:read', `${PARTNER}#mary`])
      expect((await trust.post('/token', form, buyer)).body['error']).toBe('invalid_grant')
    })

    it('is recorded with its bounds, added once, and listed', async () => {
      await add()
      expect(await add()).toMatchObject({ status: 409, body: { code: 'already_exists' } })
      expect(trust.world.events()).toEqual(expect.arrayContaining(['organisation_added', 'organisation_removed']))
      const { items } = (await manage('GET', '')).body
      expect(items).toMatchObject([{ issuer: PARTNER, ceiling: ['orders:read'], mayAct: 'any-agent' }])
    })
  })

  describe('an attacker', () => {
    it.each([
      ['our own issuer', () => ({ issuer: trust.issuer }), 409, 'already_exists'],
      ['an issuer of the options', () => ({ issuer: INTRUDER }), 409, 'already_exists'],
      ['an issuer with a fragment', () => ({ issuer: `${PARTNER}#x` }), 422, 'input_invalid'],
      ['an issuer over http', () => ({ issuer: 'http://login.partner.example' }), 422, 'input_invalid'],
      ['keys at an address inside', () => ({ keys: { jwksUri: 'http://169.254.169.254/keys' } }), 422, 'input_invalid'],
      ['agents of another tenant', () => ({ agents: ['agt_stranger'] }), 404, 'not_found'],
      ['services that are not known', () => ({ resources: ['https://evil.test'] }), 422, 'input_invalid'],
    ] as const)('cannot add %s', async (_what, more, status, code) => {
      expect(await add(more())).toMatchObject({ status, body: { code } })
    })

    it('of our own provider cannot be called like a user of the organisation', async () => {
      await add()
      expect(await outcome(buyer, await mint(own, { sub: `${PARTNER}#mary` }))).toEqual([400, 'invalid_request'])
    })

    it('without a role adds nothing', async () => {
      const answer = await manage('POST', '', { by: clerk.agent, body: { issuer: PARTNER, name: 'x', ceiling: [] } })
      expect(answer).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    })

    it('gains nothing in any tenant but the one that believes', async () => {
      await removeAll()
      trust.world.clock.advance(2000)
      await add()
      const scopes = fc.subarray(['orders:read', 'orders:write', 'orders:*', 'refunds:create'], { minLength: 1 })
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('buyer', 'stranger'), scopes, async (who, asked) => {
          const agent = who === 'buyer' ? buyer : stranger
          const token = await mint(partner, { scope: asked.join(' ') })
          const { status, body } = await trust.exchange(agent, token)
          if (who === 'stranger') return status === 400
          const granted = String(body['scope'] ?? '').split(' ')
          return status !== 200 || granted.every((scope) => scope === 'orders:read')
        }),
        { numRuns: 25 },
      )
    }, 60_000)
  })
})
