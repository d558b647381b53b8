import type { AuditEvent } from '@countermark/audit'
import { createAgentFetch, tokenExchange } from '@countermark/client'
import { Unavailable } from '@countermark/core'
import { createTestIssuer } from '../../../delegation/test/token-issuer.ts'
import { DOORS } from './doors.ts'
import { claimsOf, type KnownAgent, ORDERS, REFUNDS, type TokenAnswer } from './running-authority.ts'
import { ACCESS_TOKEN, type AuthorityWithUsers, exchangeOf, startWithUsers } from './user-issuer.ts'

let authority: AuthorityWithUsers
let buyer: KnownAgent
let worker: KnownAgent

beforeAll(async () => {
  authority = await startWithUsers()
  buyer = await authority.createAgent('agt_buyer')
  worker = await authority.createAgent('agt_worker', { capabilities: ['orders:read'] })
})
afterAll(() => authority.close())

type More = Readonly<Record<string, string | readonly string[]>>

async function exchange(token: string | Promise<string>, more: More = {}, by = buyer): Promise<TokenAnswer> {
  return authority.post('/token', exchangeOf(await token, { resource: ORDERS, ...more }), by)
}

const details = (constraints: object, more: object = {}): string =>
  JSON.stringify([{ type: 'urn:agent-auth:capability:1', constraints, ...more }])

describe('a user’s token', () => {
  it.each(DOORS)('is exchanged for one that opens a door on %s', async (_name, start) => {
    const door = await start(authority)
    const { clock, issuer } = authority
    const common = { key: buyer.privateKey, keyId: buyer.agent.keyId, clock }
    const token = tokenExchange({
      ...{ tokenEndpoint: `${issuer}/token`, issuer, clientId: 'agt_buyer', allowLoopbackHttp: true, resource: ORDERS },
      ...{ subjectToken: () => authority.userToken(), ...common },
    })
    const agentFetch = createAgentFetch({ agentId: 'agt_buyer', origins: [door.origin], token, ...common })
    const response = await agentFetch(`${door.origin}/orders`)
    expect([response.status, await response.json()]).toEqual([
      200,
      { agent: 'agt_buyer', subject: 'user_17', prior: [] },
    ])
    await door.close()
  })

  it('is exchanged for one that says who acts, for no longer than it lives itself', async () => {
    const { status, body } = await exchange(authority.userToken(), { scope: 'orders:read' })
    expect([status, body]).toMatchObject([
      200,
      { issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 300, scope: 'orders:read' },
    ])
    expect(claimsOf(body['access_token'])).toMatchObject({
      ...{ iss: authority.issuer, sub: 'user_17', sub_profile: 'user', aud: ORDERS, client_id: 'agt_buyer' },
      act: { sub: 'agt_buyer', iss: authority.issuer, sub_profile: 'ai_agent' },
      cnf: { jwk: buyer.agent.publicJwk },
    })
    expect(claimsOf(body['access_token'])).not.toHaveProperty('may_act')
  })

  it('is good for several services in one token', async () => {
    const token = authority.userToken({ scope: 'orders:read' })
    const { body } = await exchange(token, { resource: [ORDERS, REFUNDS] })
    expect(claimsOf(body['access_token'])['aud']).toEqual([ORDERS, REFUNDS])
  })

  it('keeps its constraints, and meets those that are asked for', async () => {
    const granted = [
      { type: 'urn:agent-auth:capability:1', constraints: { max_amount: { value: 10, currency: 'USD' } } },
    ]
    const asked = details(
      { max_amount: { value: 50, currency: 'USD' }, regions_allowed: ['eu'] },
      { actions: ['orders:read'] },
    )
    const form = { scope: 'orders:read', authorization_details: asked }
    const { body } = await exchange(authority.userToken({ authorization_details: granted }), form)
    const merged = [
      {
        ...{ type: 'urn:agent-auth:capability:1', actions: ['orders:read'] },
        constraints: { max_amount: { value: 10, currency: 'USD' }, regions_allowed: ['eu'] },
      },
    ]
    expect(body['authorization_details']).toEqual(merged)
    expect(claimsOf(body['access_token'])['authorization_details']).toEqual(merged)
  })

  it('is exchanged with what limits the agent', async () => {
    const limited = await authority.createAgent('agt_limited', { constraints: { max_requests_per_hour: 5 } })
    const may = { may_act: { sub: 'agt_limited', iss: authority.issuer } }
    const { body } = await exchange(authority.userToken(may), {}, limited)
    expect(body['authorization_details']).toEqual([
      { type: 'urn:agent-auth:limits:1', agent: 'agt_limited', constraints: { max_requests_per_hour: 5 } },
    ])
  })

  it.each<readonly [string, string, () => Promise<string>]>([
    ['of an issuer that is not trusted', 'invalid_request', tokenOfAnother],
    ['that has ended', 'invalid_request', () => authority.userToken({ exp: authority.clock.seconds() })],
    ['for another audience', 'invalid_request', () => authority.userToken({ aud: ORDERS })],
    ['of another type', 'invalid_request', () => authority.userToken({}, { typ: 'JWT' })],
    ['that is none', 'invalid_request', async () => 'no.token'],
    ['that lets nobody act', 'actor_unauthorized', () => authority.userToken({ may_act: undefined })],
    ['that lets another act', 'actor_unauthorized', () => authority.userToken({ may_act: { sub: 'agt_other' } })],
  ])('%s is answered with %s', async (_name, error, token) => {
    const { status, body, headers } = await exchange(token())
    expect([status, body]).toEqual([400, { error, error_description: expect.any(String) }])
    expect(headers.get('cache-control')).toBe('no-store')
  })

  const TYPE = 'urn:ietf:params:oauth:token-type:'
  it.each<readonly [string, string, More]>([
    ['for more than it grants', 'invalid_scope', { scope: 'refunds:create' }],
    ['for more than the service knows', 'invalid_scope', { scope: 'stock:a' }],
    ['for an unknown service', 'invalid_target', { resource: 'https://other.example.com' }],
    ['for an unknown name', 'invalid_target', { audience: 'other' }],
    ['for a service with a fragment', 'invalid_target', { resource: `${ORDERS}#a` }],
    ['with constraints that are none', 'invalid_authorization_details', { authorization_details: '{}' }],
    ['as a refresh token', 'invalid_request', { subject_token_type: `${TYPE}refresh_token` }],
    ['for a SAML assertion', 'invalid_request', { requested_token_type: `${TYPE}saml2` }],
    ['with an actor token without a type', 'invalid_request', { actor_token: 'a.b.c' }],
    ['with a type without an actor token', 'invalid_request', { actor_token_type: ACCESS_TOKEN }],
    ['with what is no actor token', 'invalid_request', { actor_token: 'a.b.c', actor_token_type: ACCESS_TOKEN }],
    ['with the scope twice', 'invalid_request', { scope: ['orders:read', 'orders:read'] }],
    ['without a subject token', 'invalid_request', { subject_token: '' }],
  ])('%s is answered with %s', async (_name, error, more) => {
    const { status, body } = await exchange(authority.userToken({ scope: 'orders:* stock:*' }), more)
    expect([status, body]).toEqual([400, { error, error_description: expect.any(String) }])
  })

  it('is taken with the agent’s own token as actor token', async () => {
    const own = await authority.post('/token', { grant_type: 'client_credentials', resource: ORDERS }, buyer)
    const actor = { actor_token: String(own.body['access_token']), actor_token_type: ACCESS_TOKEN }
    expect((await exchange(authority.userToken(), actor)).status).toBe(200)
    const forWorker = authority.userToken({ may_act: { sub: 'agt_worker', iss: authority.issuer } })
    expect((await exchange(forWorker, actor, worker)).body['error']).toBe('invalid_request')
  })
})

async function tokenOfAnother(): Promise<string> {
  const other = await createTestIssuer('EdDSA', 'https://evil.example.com')
  const now = authority.clock.seconds()
  return other.mint({ aud: authority.issuer, iat: now, exp: now + 60 })
}

describe('a token that is handed on', () => {
  const first = async (maxDepth?: number): Promise<string> => {
    const more: More = maxDepth === undefined ? {} : { authorization_details: details({ max_depth: maxDepth }) }
    return String((await exchange(authority.userToken(), more)).body['access_token'])
  }

  it('names both agents, and shares its transaction', async () => {
    const token = await first(1)
    const { body } = await exchange(token, {}, worker)
    const [one, two] = [claimsOf(token), claimsOf(body['access_token'])]
    expect(two).toMatchObject({
      ...{ sub: 'user_17', client_id: 'agt_worker', scope: 'orders:read', txn: one['txn'] },
      act: { sub: 'agt_worker', act: one['act'] },
      cnf: { jwk: worker.agent.publicJwk },
      authorization_details: [{ constraints: { max_depth: 0 } }],
    })
    expect(Number(two['exp'])).toBeLessThanOrEqual(Number(one['exp']))
  })

  it('goes no further than it may', async () => {
    expect((await exchange(first(), {}, worker)).body['error']).toBe('actor_unauthorized')
    const second = String((await exchange(first(1), {}, worker)).body['access_token'])
    const third = await authority.createAgent('agt_third')
    expect((await exchange(second, {}, third)).body['error']).toBe('actor_unauthorized')
  })

  it('goes no further because its holder says so', async () => {
    const more = { authorization_details: details({ max_depth: 3 }) }
    const narrowed = await exchange(await first(), more)
    expect(narrowed.status).toBe(200)
    expect((await exchange(String(narrowed.body['access_token']), {}, worker)).body['error']).toBe('actor_unauthorized')
  })

  it('goes no further for a scope whose entry does not say how far', async () => {
    const type = 'urn:agent-auth:capability:1'
    const entries = [
      { type, actions: ['orders:write'], constraints: { max_depth: 1 } },
      { type, actions: ['orders:read'] },
    ]
    const token = (await exchange(authority.userToken(), { authorization_details: JSON.stringify(entries) })).body
    const more = { scope: 'orders:read', authorization_details: details({ max_depth: 9 }) }
    const second = await exchange(String(token['access_token']), more, worker)
    expect(claimsOf(second.body['access_token'])['authorization_details']).toMatchObject([
      { constraints: { max_depth: 0 } },
    ])
  })

  it('does not pass one agent twice', async () => {
    const second = String((await exchange(first(3), {}, worker)).body['access_token'])
    expect((await exchange(second, {}, buyer)).body['error']).toBe('invalid_request')
  })

  it('is not good for services that the first was not for', async () => {
    expect((await exchange(first(1), { resource: REFUNDS }, worker)).body['error']).toBe('invalid_target')
  })

  it('may be narrowed by its own agent, as often as it likes', async () => {
    const narrowed = await exchange(first(), { scope: 'orders:read' })
    const again = await exchange(String(narrowed.body['access_token']))
    expect([again.status, claimsOf(again.body['access_token'])]).toMatchObject([
      200,
      { scope: 'orders:read', act: { sub: 'agt_buyer' } },
    ])
    expect(claimsOf(again.body['access_token'])['act']).not.toHaveProperty('act')
    expect((await exchange(String(narrowed.body['access_token']), { scope: 'orders:write' })).body['error']).toBe(
      'invalid_scope',
    )
  })

  it('stays within four agents', async () => {
    let token = await first(9)
    for (const name of ['agt_2', 'agt_3', 'agt_4']) {
      const answer = await exchange(token, {}, await authority.createAgent(name))
      expect(answer.status).toBe(200)
      token = String(answer.body['access_token'])
    }
    expect((await exchange(token, {}, await authority.createAgent('agt_5'))).body['error']).toBe('invalid_request')
  })
})

describe('what happens to tokens', () => {
  it('is recorded and counted', async () => {
    const { events, measured } = authority
    const { body } = await exchange(authority.userToken())
    const { jti, txn } = claimsOf(body['access_token'])
    expect(events.at(-1)).toMatchObject({
      event: 'token_issued',
      details: { grant: 'token_exchange', tokenId: jti, chainId: txn, agentId: 'agt_buyer', audiences: [ORDERS] },
      private: { user: 'user_17' },
    })
    expect(measured).toContainEqual(
      expect.objectContaining({ name: 'tokens_issued_total', labels: { grant: 'token_exchange' } }),
    )
    await exchange(authority.userToken(), { scope: 'refunds:create' })
    expect(events.at(-1)).toMatchObject({
      event: 'token_refused',
      details: { operation: 'token_exchange', error: 'invalid_scope' },
    })
    const labels = { operation: 'token_exchange', error: 'invalid_scope' }
    expect(measured).toContainEqual(expect.objectContaining({ name: 'tokens_refused_total', labels }))
  })

  it.each([
    ['cannot be recorded', new Unavailable('audit_unavailable', 'audit', 'full'), [503, 'temporarily_unavailable']],
    ['meets a fault of ours', new Error('a fault'), [500, 'server_error']],
  ] as const)('does not leave where it %s', async (_name, error, expected) => {
    const faults: unknown[] = []
    const trail = {
      event: async ({ event }: AuditEvent) => void (event === 'token_issued' && (await Promise.reject(error))),
    }
    const silent = await startWithUsers({}, { trail, onFault: (fault) => void faults.push(fault) })
    const agent = await silent.createAgent('agt_buyer')
    const { status, body } = await silent.post('/token', { grant_type: 'client_credentials', resource: ORDERS }, agent)
    expect([status, body['error']]).toEqual(expected)
    expect(faults).toEqual(status === 500 ? [error] : [])
    await silent.close()
  })
})
