import { createAgentFetch, tokenExchange } from '@countermark/client'
import { describeStores, type StorePlace } from '../stores.ts'
import { DOORS } from './doors.ts'
import { claimsOf, INTROSPECTOR, type KnownAgent, ORDERS, REFUNDS } from './running-authority.ts'
import { type AuthorityWithUsers, exchangeOf, startWithUsers } from './user-issuer.ts'

const MAX_DEPTH = JSON.stringify([{ type: 'urn:agent-auth:capability:1', constraints: { max_depth: 3 } }])

describeStores((createPlace) => {
  let place: StorePlace
  let authority: AuthorityWithUsers
  let buyer: KnownAgent
  let worker: KnownAgent

  beforeAll(async () => {
    place = await createPlace()
    authority = await startWithUsers({}, { place })
    buyer = await authority.createAgent('agt_buyer')
    worker = await authority.createAgent('agt_worker')
  }, 60_000)
  // What a provider said in the second of a stop, or before, gives nothing any more.
  afterEach(() => authority.clock.advance(1000))
  afterAll(() => authority.close())

  const isActive = async (token: string, by = buyer): Promise<unknown> =>
    (await authority.post('/introspect', { token }, by)).body['active']

  async function exchange(token: string, by: KnownAgent): Promise<string> {
    const form = exchangeOf(token, { resource: ORDERS, authorization_details: MAX_DEPTH })
    return String((await authority.post('/token', form, by)).body['access_token'])
  }

  describe('a revocation', () => {
    it('ends the token, and what was exchanged for it, and nothing else', async () => {
      const one = await exchange(await authority.userToken(), buyer)
      const two = await exchange(one, worker)
      const third = await authority.createAgent('agt_third')
      const three = await exchange(two, third)
      const other = await exchange(await authority.userToken(), buyer)
      expect((await authority.post('/revoke', { token: two }, worker)).status).toBe(200)
      expect([
        await isActive(one),
        await isActive(two, worker),
        await isActive(three, third),
        await isActive(other),
      ]).toEqual([...[true, false, false, true]])
      const answer = await authority.post(
        '/token',
        exchangeOf(two, { resource: ORDERS }),
        await authority.createAgent('agt_late'),
      )
      expect(answer.body['error']).toBe('invalid_grant')
    })

    it('is not needed where an agent of the chain is suspended: until it is resumed, nothing counts', async () => {
      const first = await authority.createAgent('agt_first')
      const mayAct = { sub: 'agt_first', iss: authority.issuer }
      const one = await exchange(await authority.userToken({ may_act: mayAct }), first)
      const form = { resource: ORDERS, scope: 'orders:read offline_access', authorization_details: MAX_DEPTH }
      const two = (await authority.post('/token', exchangeOf(one, form), worker)).body
      const refresh = (token: unknown) =>
        authority.post('/token', { grant_type: 'refresh_token', refresh_token: String(token) }, worker)
      authority.register(first.agent, { state: 'suspended' })
      const handedOn = await authority.post('/token', exchangeOf(one, { resource: ORDERS }), buyer)
      expect(handedOn.body['error']).toBe('invalid_grant')
      expect(await isActive(String(two['access_token']), worker)).toBe(false)
      expect((await refresh(two['refresh_token'])).body['error']).toBe('invalid_grant')
      authority.register(first.agent)
      expect(await isActive(String(two['access_token']), worker)).toBe(true)
      expect((await refresh(two['refresh_token'])).status).toBe(200)
    })

    it('of a token that is not the agent’s, or not known, is answered alike, and does nothing', async () => {
      const token = await exchange(await authority.userToken(), buyer)
      expect((await authority.post('/revoke', { token }, worker)).status).toBe(200)
      expect((await authority.post('/revoke', { token: 'no.such.token' }, worker)).status).toBe(200)
      expect(await isActive(token)).toBe(true)
      expect((await authority.post('/revoke', { token }, undefined)).body['error']).toBe('invalid_client')
      expect((await authority.post('/revoke', {}, buyer)).body['error']).toBe('invalid_request')
    })

    it.each<
      readonly [
        string,
        (claims: Readonly<Record<string, unknown>>) => Parameters<AuthorityWithUsers['tokens']['revoke']>[0],
      ]
    >([
      ['a chain', ({ txn }) => ({ chainId: String(txn) })],
      ['an agent', () => ({ agentId: 'agt_buyer' })],
      ['a user', ({ sub }) => ({ subject: String(sub) })],
      ['a key', () => ({ thumbprint: buyer.agent.thumbprint })],
      ['a token', ({ jti }) => ({ tokenId: String(jti) })],
    ])('by %s reaches what was handed on', async (_name, targetOf) => {
      const one = await exchange(await authority.userToken(), buyer)
      const two = await exchange(one, worker)
      const revoked = await authority.tokens.revoke(targetOf(claimsOf(one)), { reason: 'stop', by: 'operator' })
      expect(revoked).toEqual(expect.arrayContaining([claimsOf(one)['jti'], claimsOf(two)['jti']]))
      expect([await isActive(one), await isActive(two, worker)]).toEqual([false, false])
      expect(authority.events.at(-1)).toMatchObject({
        event: 'tokens_revoked',
        details: { reason: 'stop', by: 'operator' },
      })
    })

    it('and an exchange at once leave no token that counts', async () => {
      const one = await exchange(await authority.userToken(), buyer)
      const exchanging = Array.from({ length: 20 }, () => exchange(one, worker))
      const revoking = authority.tokens.revoke(
        { tokenId: String(claimsOf(one)['jti']) },
        { reason: 'stop', by: 'operator' },
      )
      const tokens = (await Promise.all([revoking, ...exchanging])).slice(1).map(String)
      const issued = tokens.filter((token) => token !== 'undefined')
      expect(await Promise.all(issued.map((token) => isActive(token, worker)))).toEqual(issued.map(() => false))
    })
  })

  it('rows of tokens go a day after their end, and not before', async () => {
    const token = await exchange(await authority.userToken(), buyer)
    await authority.tokens.sweep()
    expect(await isActive(token)).toBe(true)
    authority.clock.advance(86_400_000)
    const other = await exchange(await authority.userToken(), buyer)
    await authority.tokens.sweep()
    authority.clock.advance(301_000)
    expect(await authority.tokens.sweep()).toBeGreaterThanOrEqual(1)
    expect(await authority.tokens.sweep()).toBe(0)
    expect(await isActive(other)).toBe(false)
  })

  describe('introspection', () => {
    const ask = async (token: string, secret = INTROSPECTOR): Promise<Readonly<Record<string, unknown>>> => {
      const form = { token, client_id: secret.clientId, client_secret: secret.clientSecret }
      return (await authority.post('/introspect', form)).body
    }

    it('tells a service about its own tokens only', async () => {
      const token = await exchange(await authority.userToken(), buyer)
      expect(await ask(token)).toMatchObject({ active: true, sub: 'user_17', aud: ORDERS, token_type: 'Bearer' })
      const form = { grant_type: 'client_credentials', resource: REFUNDS }
      const other = String((await authority.post('/token', form, buyer)).body['access_token'])
      expect(await ask(other)).toEqual({ active: false })
      expect(await isActive(other)).toBe(true)
      expect(await isActive(other, worker)).toBe(false)
    })

    it('says of all else that it is not active', async () => {
      const token = await exchange(await authority.userToken(), buyer)
      expect(await ask(`${token.slice(0, -8)}AAAAAAAA`)).toEqual({ active: false })
      expect(await ask('rt_unknown')).toEqual({ active: false })
      expect(await ask(await authority.userToken())).toEqual({ active: false })
      authority.clock.advance(601_000)
      expect(await ask(token)).toEqual({ active: false })
      expect(await ask(token, { ...INTROSPECTOR, clientSecret: 'wrong' })).toMatchObject({ error: 'invalid_client' })
    })
  })

  describe('the status list', () => {
    it.each(DOORS)('tells a door on %s', async (_name, start) => {
      const door = await start(authority)
      const { clock, issuer } = authority
      const common = { key: buyer.privateKey, keyId: buyer.agent.keyId, clock }
      const source = tokenExchange({
        ...{
          tokenEndpoint: `${issuer}/token`,
          issuer,
          clientId: 'agt_buyer',
          allowLoopbackHttp: true,
          resource: ORDERS,
        },
        ...{ subjectToken: () => authority.userToken(), ...common },
      })
      const held = await source({ origin: door.origin })
      const agentFetch = createAgentFetch({
        agentId: 'agt_buyer',
        origins: [door.origin],
        token: () => held,
        ...common,
      })
      expect((await agentFetch(`${door.origin}/orders`)).status).toBe(200)
      await authority.post('/revoke', { token: held.value }, buyer)
      // The door fetches the list anew once it is older than its ttl; the first request behind that starts it.
      clock.advance(31_000)
      await agentFetch(`${door.origin}/orders`)
      const { status, code } = await untilRefused(() => agentFetch(`${door.origin}/orders`))
      expect([status, code]).toEqual([401, 'token_revoked'])
      await door.close()
    })

    it('that does not exist is not found', async () => {
      expect((await fetch(`${authority.issuer}/status/999`)).status).toBe(404)
      expect((await fetch(`${authority.issuer}/status/0`)).status).toBe(404)
    })
  })
})

async function untilRefused(
  ask: () => Promise<Response>,
): Promise<{ readonly status: number; readonly code: unknown }> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await ask()
    const { code } = Object(await response.json())
    if (response.status !== 200) return { status: response.status, code }
  }
  return { status: 200, code: undefined }
}
