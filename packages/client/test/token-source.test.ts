import { createPublicKey } from 'node:crypto'
import { jwtVerify } from 'jose'
import { type ClientCredentialsOptions, clientCredentials, type TokenSource } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const ORIGIN = 'https://api.example.com'
let buyer: AgentWithKey
let idp: TokenServer

beforeEach(async () => {
  buyer = await createAgentWithKey()
  idp = await startTokenServer()
})
afterEach(() => idp.close())

const settings = () => ({
  tokenEndpoint: idp.tokenEndpoint,
  clientId: 'agt_buyer',
  key: buyer.privateKey,
  keyId: 'k1',
  allowLoopbackHttp: true,
  clock: buyer.clock,
})
const source = (changes: Partial<ClientCredentialsOptions> = {}): TokenSource =>
  clientCredentials({ ...settings(), ...changes } as ClientCredentialsOptions)

describe('clientCredentials', () => {
  it('asks with an assertion that its key signed', async () => {
    const token = await source({
      scopes: ['orders:read', 'orders:write'],
      audience: 'shop',
      resource: (origin) => origin,
    })({
      origin: ORIGIN,
    })
    expect(token).toEqual({ value: 't1', scheme: 'Bearer', expiresAt: buyer.clock.seconds() + 600 })
    const [form = new URLSearchParams()] = idp.forms()
    const { client_assertion: assertion = '', ...fields } = Object.fromEntries(form)
    expect(fields).toEqual({
      grant_type: 'client_credentials',
      client_id: 'agt_buyer',
      scope: 'orders:read orders:write',
      resource: ORIGIN,
      audience: 'shop',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    const { payload, protectedHeader } = await jwtVerify(assertion, createPublicKey(buyer.privateKey), {
      audience: idp.tokenEndpoint,
      issuer: 'agt_buyer',
      currentDate: new Date(buyer.clock.wallMs()),
    })
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: 'k1' })
    expect(payload).toMatchObject({ sub: 'agt_buyer', exp: buyer.clock.seconds() + 60 })
    expect(payload.jti?.length).toBeGreaterThanOrEqual(22)
  })
})
