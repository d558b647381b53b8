import { describeStores, type StorePlace } from '../stores.ts'
import { claimsOf, type KnownAgent, ORDERS, REFUNDS, type TokenAnswer } from './running-authority.ts'
import { type AuthorityWithUsers, exchangeOf, startWithUsers } from './user-issuer.ts'

describeStores((createPlace) => {
  let place: StorePlace
  let authority: AuthorityWithUsers
  let buyer: KnownAgent

  beforeAll(async () => {
    place = await createPlace()
    authority = await startWithUsers({ maxLifetimeSeconds: 86_400 }, { place })
    buyer = await authority.createAgent('agt_buyer')
  }, 60_000)
  afterAll(() => authority.close())

  async function first(more: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> {
    const token = await authority.userToken({ exp: authority.clock.seconds() + 7200 })
    const form = { resource: ORDERS, scope: 'orders:read orders:write offline_access', ...more }
    return authority.post('/token', exchangeOf(token, form), buyer)
  }

  const refresh = (token: unknown, more: Readonly<Record<string, string>> = {}, by = buyer): Promise<TokenAnswer> =>
    authority.post('/token', { grant_type: 'refresh_token', refresh_token: String(token), ...more }, by)

  const isActive = async (token: unknown): Promise<unknown> =>
    (await authority.post('/introspect', { token: String(token) }, buyer)).body['active']

  describe('a refresh token', () => {
    it('is given where it is asked for, and turns into another', async () => {
      const one = await first()
      expect(one.body).toMatchObject({
        scope: 'orders:read orders:write',
        refresh_token: expect.stringMatching(/^rt_/),
      })
      const two = await refresh(one.body['refresh_token'])
      expect([two.status, two.body]).toMatchObject([200, { scope: 'orders:read orders:write', expires_in: 600 }])
      expect(two.body['refresh_token']).not.toBe(one.body['refresh_token'])
      expect(claimsOf(two.body['access_token'])).toMatchObject({
        sub: 'user_17',
        act: { sub: 'agt_buyer' },
        aud: ORDERS,
      })
    })

    it('narrows, and does not widen', async () => {
      const { body } = await first({ scope: 'orders:read offline_access' })
      expect((await refresh(body['refresh_token'], { scope: 'orders:write' })).body['error']).toBe('invalid_scope')
      expect((await refresh(body['refresh_token'])).status).toBe(200)
    })

    it('is for no more services, and may be handed on no further, than was asked for', async () => {
      const token = await authority.userToken({ exp: authority.clock.seconds() + 7200 })
      const form = { scope: 'orders:read offline_access', resource: [ORDERS, REFUNDS] }
      const { body } = await authority.post('/token', { ...exchangeOf(token, {}), ...form }, buyer)
      const details = JSON.stringify([{ type: 'urn:agent-auth:capability:1', constraints: { max_depth: 3 } }])
      const next = await refresh(body['refresh_token'], { resource: ORDERS, authorization_details: details })
      expect(claimsOf(next.body['access_token'])).toMatchObject({
        ...{ aud: ORDERS, authorization_details: [{ constraints: { max_depth: 0 } }] },
      })
      const wider = await refresh(next.body['refresh_token'], { resource: REFUNDS })
      expect(wider.body['error']).toBe('invalid_target')
    })

    it('says what limits the agent now', async () => {
      const { body } = await first()
      authority.register(buyer.agent, { constraints: { max_requests_per_minute: 5 } })
      const next = await refresh(body['refresh_token'])
      authority.register(buyer.agent)
      expect(claimsOf(next.body['access_token'])['authorization_details']).toEqual([
        { type: 'urn:agent-auth:limits:1', agent: 'agt_buyer', constraints: { max_requests_per_minute: 5 } },
      ])
    })

    it('ends its family when it is used again', async () => {
      const one = await first()
      const two = await refresh(one.body['refresh_token'])
      expect(await isActive(two.body['access_token'])).toBe(true)
      expect((await refresh(one.body['refresh_token'])).body['error']).toBe('invalid_grant')
      expect((await refresh(two.body['refresh_token'])).body['error']).toBe('invalid_grant')
      expect([await isActive(one.body['access_token']), await isActive(two.body['access_token'])]).toEqual([
        false,
        false,
      ])
      expect(authority.events).toContainEqual(
        expect.objectContaining({
          event: 'tokens_revoked',
          details: expect.objectContaining({ reason: 'refresh_token_reuse' }),
        }),
      )
    })

    it('used a hundred times at once gives one token', async () => {
      const { body } = await first()
      const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(body['refresh_token'])))
      const outcomes = answers.map(({ status, body: { error } }) => (status === 200 ? 'token' : error))
      expect(outcomes.filter((outcome) => outcome === 'token')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === 'invalid_grant')).toHaveLength(99)
      const { rows } = { rows: await countTokensOf(body['refresh_token']) }
      expect(rows).toBe(0)
    }, 60_000)

    it('is worth nothing to another agent, and stays worth something to its own', async () => {
      const { body } = await first()
      const other = await authority.createAgent('agt_other')
      expect((await refresh(body['refresh_token'], {}, other)).body['error']).toBe('invalid_grant')
      expect((await refresh(body['refresh_token'])).status).toBe(200)
    })

    it('ends with the token that it came from', async () => {
      const { body } = await first()
      authority.clock.advance(7200_000)
      expect((await refresh(body['refresh_token'])).body['error']).toBe('invalid_grant')
    })

    it('gives no more than the registry allows today', async () => {
      const { body } = await first()
      authority.register(buyer.agent, { capabilities: ['orders:read'] })
      const next = await refresh(body['refresh_token'])
      expect(next.body['scope']).toBe('orders:read')
      authority.register(buyer.agent, { state: 'suspended' })
      expect((await refresh(next.body['refresh_token'])).body['error']).toBe('invalid_client')
      authority.register(buyer.agent)
    })

    it('that nobody gave is refused', async () => {
      expect((await refresh('rt_unknown')).body['error']).toBe('invalid_grant')
    })
  })

  /** How many tokens of the family of a refresh token count still. */
  async function countTokensOf(refreshToken: unknown): Promise<number> {
    const { body } = await authority.post('/introspect', { token: String(refreshToken) }, buyer)
    return body['active'] === false ? 0 : 1
  }
})
