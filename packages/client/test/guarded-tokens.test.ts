import { createTestIssuer, type Members, type TestIssuer } from '../../delegation/test/token-issuer.ts'
import type { AgentToken, TokenSource } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type GuardedShop, startGuardedKoaShop, startGuardedShop } from './guarded-shop.ts'

let buyer: AgentWithKey
let issuer: TestIssuer
let shop: GuardedShop
let minted: number

beforeAll(async () => {
  issuer = await createTestIssuer()
})
beforeEach(async () => {
  buyer = await createAgentWithKey()
  minted = 0
  const { publicKey, clock } = buyer
  shop = await startGuardedShop({ keys: [publicKey], issuers: [issuer.options()], clock })
})
afterEach(() => shop.close())

/** Tokens of the user for agt_buyer, with these scopes and with those that are asked for. */
function tokens(scope: string, claims: () => Members = () => ({})): TokenSource {
  return async ({ scopes = [] }): Promise<AgentToken> => {
    minted++
    const now = buyer.clock.seconds()
    const value = await issuer.mint({
      scope: [scope, ...scopes].join(' '),
      cnf: { jwk: buyer.agent.publicJwk },
      jti: `t${minted}`,
      iat: now,
      exp: now + 600,
      ...claims(),
    })
    return { value, scheme: 'Bearer', expiresAt: now + 600 }
  }
}

describe('a guarded Express application', () => {
  it('learns from the token for whom the agent acts', async () => {
    const agentFetch = buyer.createFetch({ origins: [shop.origin], token: tokens('orders:read') })
    const response = await agentFetch(`${shop.origin}/orders`)
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { agent: 'agt_buyer', level: 'signed', subject: 'user_17', scopes: ['orders:read'] },
    ])
  })

  it('is given a wider token when it asks for one, once', async () => {
    const agentFetch = buyer.createFetch({
      origins: [shop.origin],
      token: tokens('orders:read'),
      mayAskFor: ['orders:write'],
    })
    const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"item":"kettle"}' }
    const response = await agentFetch(`${shop.origin}/orders`, order)
    expect([response.status, await response.json(), shop.asked()]).toMatchObject([
      200,
      { scopes: ['orders:read', 'orders:write'], body: { item: 'kettle' } },
      2,
    ])
    expect((await agentFetch(`${shop.origin}/orders`, order)).status).toBe(200)
    expect(shop.asked()).toBe(3)
  })
})

describe.each([
  ['Express', startGuardedShop],
  ['Koa', startGuardedKoaShop],
] as const)('a token whose right has ended, as the guard of a route on %s finds', (_name, start) => {
  const ending = (ageOf: (count: number) => number): TokenSource =>
    tokens('orders:read:30s', () => ({ iat: buyer.clock.seconds() - ageOf(minted) }))
  const open = async (): Promise<GuardedShop> => {
    await shop.close()
    const { publicKey, clock } = buyer
    shop = await start({ keys: [publicKey], issuers: [issuer.options()], clock })
    return shop
  }

  it('is renewed, once', async () => {
    const { origin, asked } = await open()
    const agentFetch = buyer.createFetch({ origins: [origin], token: ending((count) => (count === 1 ? 60 : 0)) })
    const response = await agentFetch(`${origin}/orders`)
    expect([response.status, minted, asked()]).toEqual([200, 2, 2])
  })

  it('is not asked for for ever where each one has ended', async () => {
    const { origin, asked } = await open()
    const agentFetch = buyer.createFetch({ origins: [origin], token: ending(() => 60) })
    const response = await agentFetch(`${origin}/orders`)
    expect([response.status, minted, asked()]).toEqual([401, 2, 2])
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="[^"]+", error="invalid_token"/)
  })
})
