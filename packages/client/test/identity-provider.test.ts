import { join } from 'node:path'
import { createFakeClock, type StartedProgram, startProgram } from '@countermark/testing'
import { LOOPBACK } from '../../delegation/test/issuer-server.ts'
import { type AgentFetch, clientCredentials, createAgentFetch } from '../src/index.ts'
import type { ClientCredentialsOptions } from '../src/tokens/grant-types.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type GuardedShop, startDpopShop, startGuardedShop } from './guarded-shop.ts'

const AUDIENCE = 'https://api.example.com'
const clock = createFakeClock(Date.now())
let buyer: AgentWithKey
let provider: StartedProgram
let issuer: string

beforeAll(async () => {
  buyer = await createAgentWithKey()
  const { kty, crv, x } = buyer.agent.publicJwk
  provider = await startProgram({
    command: process.execPath,
    arguments: [join(__dirname, 'identity-provider.mjs'), JSON.stringify({ kty, crv, x, use: 'sig', kid: 'k1' })],
    ready: /PORT \d+/,
    timeoutMs: 20_000,
  })
  issuer = `http://127.0.0.1:${/PORT (\d+)/.exec(provider.output())?.[1]}`
}, 30_000)
afterAll(() => provider.stop())

const issuers = () => [{ issuer, algorithms: ['ES256'] as const, http: LOOPBACK }]
const settings = () => ({
  tokenEndpoint: `${issuer}/token`,
  clientId: 'agt_buyer',
  key: buyer.privateKey,
  keyId: 'k1',
  scopes: ['orders:read'],
  resource: AUDIENCE,
  allowLoopbackHttp: true,
  clock,
})
const fetchFor = (
  shop: GuardedShop,
  form: 'httpsig' | 'dpop',
  options: Partial<ClientCredentialsOptions> = {},
): AgentFetch =>
  createAgentFetch({
    agentId: 'agt_buyer',
    key: buyer.privateKey,
    clock,
    form,
    origins: [shop.origin],
    mayAskFor: ['orders:write'],
    token: clientCredentials({ ...settings(), ...options } as ClientCredentialsOptions),
  })

describe('an agent with an account at a running identity provider', () => {
  it('gets tokens by its key alone, and a wider one when a service asks', async () => {
    const shop = await startGuardedShop({ keys: [buyer.publicKey], issuers: issuers(), clock })
    const agentFetch = fetchFor(shop, 'httpsig')
    const read = await agentFetch(`${shop.origin}/orders`)
    const written = await agentFetch(`${shop.origin}/orders`, { method: 'POST' })
    await shop.close()
    expect([await read.json(), await written.json()]).toMatchObject([
      { agent: 'agt_buyer', level: 'signed', scopes: ['orders:read'] },
      { scopes: ['orders:read', 'orders:write'] },
    ])
    expect(shop.asked()).toBe(3)
  })

  it('gets tokens bound to its key, giving each side its own nonce', async () => {
    const shop = await startDpopShop({ keys: [], issuers: issuers(), clock })
    const agentFetch = fetchFor(shop, 'dpop', { dpop: true })
    const response = await agentFetch(shop.origin)
    await shop.close()
    expect(await response.json()).toEqual({ agent: 'agt_buyer', level: 'bound', scheme: 'dpop' })
  })

  it('is told by the provider’s own word what it may not have', async () => {
    const token = clientCredentials({ ...settings(), resource: 'https://api.example.com/#part' })
    await expect(token({ origin: AUDIENCE })).rejects.toMatchObject({
      code: 'token_refused',
      oauthError: 'invalid_target',
    })
  })

  it('may address its assertion to the provider by its issuer identifier', async () => {
    const token = clientCredentials({ ...settings(), issuer })
    expect(await token({ origin: AUDIENCE })).toMatchObject({ scheme: 'Bearer' })
  })

  it('gets nothing with a key that the provider does not know', async () => {
    const stranger = await createAgentWithKey()
    const token = clientCredentials({ ...settings(), key: stranger.privateKey })
    await expect(token({ origin: AUDIENCE })).rejects.toMatchObject({
      code: 'token_refused',
      oauthError: 'invalid_client',
    })
  })
})
