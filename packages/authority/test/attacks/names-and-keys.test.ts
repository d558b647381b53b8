import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createTestIssuer, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import { type Answered, createCaller, createWorld, type Sent, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'

const AUDIENCE = 'https://authority.test'

let place: StorePlace
let world: World
let server: StartedServer
let call: ReturnType<typeof createCaller>
let login: TestIssuer
let by: TestAgent
let operator: TestAgent

beforeAll(async () => {
  place = await sqlitePlace()
  login = await createTestIssuer('EdDSA', 'https://login.example.com')
  world = await createWorld(place.open(), { people: { issuers: [login.options()], audience: AUDIENCE } })
  server = await startServer((req, res) => void world.authority.handle(req, res))
  call = createCaller(server.port)
  by = world.admin
  for (const id of ['acme', 'globex']) await call('POST', '/tenants', { by, body: { id, name: id } })
  for (const tenant of ['acme', 'globex'])
    for (const id of ['jane', 'mary'])
      await call('POST', `/tenants/${tenant}/people`, { by, body: { id, name: id, ceiling: ['orders:*'] } })
  operator = await enrolled('agt_operator')
  await give('agt_operator', 'operator')
})
afterAll(async () => {
  await world.authority.close()
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

const give = (agent: string, role: string, tenant = 'acme'): Promise<Answered> =>
  call('POST', '/roles', { by, body: { tenant, caller: `agent:${agent}`, role } })

const register = (id: string, by: TestAgent, more: object = {}): Promise<Answered> => {
  const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane', 'mary'], ceiling: ['orders:read'] }
  return call('POST', '/agents', { by, body: { ...agent, ...more } })
}

async function bring(id: string, body: object = {}): Promise<TestAgent> {
  const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
  const signer = await createTestAgent({ agentId: id, clock: world.clock })
  const sent = { code: issued.code, key: signer.publicJwk, ...body }
  expect((await call('POST', '/enrolments', { by: signer, body: sent })).status).toBe(201)
  return signer
}

async function enrolled(id: string, more: object = {}): Promise<TestAgent> {
  expect((await register(id, by, more)).status).toBe(201)
  return bring(id)
}

async function asPerson(sub: string, method: string, path: string, sent: Sent = {}): Promise<Answered> {
  const now = world.clock.seconds()
  const claims = { sub, aud: AUDIENCE, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
  const headers = { authorization: `Bearer ${await login.mint(claims)}`, ...sent.headers }
  return call(method, path, { ...sent, headers })
}

describe('an operator of one tenant', () => {
  const taken = { status: 409, body: { code: 'already_exists' } }

  it('cannot register an agent under the name of an administrator, whose key comes from elsewhere', async () => {
    expect(await register('agt_admin', operator)).toMatchObject(taken)
    expect((await call('GET', '/doors', { by })).status).toBe(200)
  })

  it('cannot register an agent under a name that has a role, there or in another tenant', async () => {
    await give('agt_deployer', 'admin', 'globex')
    await give('agt_chief', 'admin')
    expect(await register('agt_deployer', operator)).toMatchObject(taken)
    expect(await register('agt_chief', operator)).toMatchObject(taken)
  })

  it('registers agents under every other name', async () => {
    expect((await register('agt_plain', operator)).status).toBe(201)
  })
})

describe('an admin', () => {
  it('of a tenant registers an agent whose role they gave before, of every tenant any', async () => {
    const head = await enrolled('agt_head')
    await give('agt_head', 'admin')
    await give('agt_next', 'operator')
    await give('agt_far', 'operator', 'globex')
    expect((await register('agt_next', head)).status).toBe(201)
    expect((await register('agt_far', head)).status).toBe(409)
    expect((await register('agt_far', by)).status).toBe(201)
  })
})

describe('owners who retire an agent', () => {
  const retire = async (id: string, replacement: string): Promise<Answered> => {
    await asPerson('jane', 'POST', `/agents/${id}/retirement`, { body: { reason: 'old', replacement } })
    return asPerson('mary', 'POST', `/agents/${id}/retirement/approval`)
  }

  it('cannot lift by it the ceiling that an admin has set for the replacement', async () => {
    await enrolled('agt_wide', { ceiling: ['orders:*'] })
    await enrolled('agt_cut', { ceiling: ['orders:*'] })
    await call('PATCH', '/agents/agt_cut', { by, body: { ceiling: ['orders:read'] }, headers: { 'if-match': '*' } })
    expect((await retire('agt_wide', 'agt_cut')).body).toMatchObject({ handedOver: [], notHandedOver: ['orders:*'] })
    expect((await call('GET', '/agents/agt_cut', { by })).body.capabilities).toEqual(['orders:read'])
  })

  it('hand over what nobody above them has cut', async () => {
    await enrolled('agt_old', { ceiling: ['orders:*'] })
    await enrolled('agt_new')
    expect((await retire('agt_old', 'agt_new')).body).toMatchObject({ handedOver: ['orders:*'] })
  })
})

describe('a key that a stolen one brought', () => {
  const successorOf = async (stolen: TestAgent): Promise<TestAgent> => {
    const next = await createTestAgent({ agentId: stolen.agentId, clock: world.clock })
    await call('POST', `/agents/${stolen.agentId}/keys`, { by: stolen, body: { key: next.publicJwk } })
    return next
  }
  const activate = (next: TestAgent): Promise<Answered> =>
    call('POST', `/agents/${next.agentId}/keys/${next.thumbprint}/activation`, { by: next })
  const refused = { status: 409, body: { code: 'state_conflict' } }

  it('does not come to count once the stolen one was ended at once', async () => {
    const next = await successorOf(await enrolled('agt_forced'))
    await call('POST', '/agents/agt_forced/rotation', { by, body: { by: world.clock.wallMs() } })
    expect(await activate(next)).toMatchObject(refused)
  })

  it('does not come to count once a new version ended the stolen one', async () => {
    const next = await successorOf(await enrolled('agt_version'))
    await call('POST', '/agents/agt_version/versions', { by, body: { version: '2', overlapHours: 0 } })
    expect(await activate(next)).toMatchObject(refused)
  })

  it('counts while the one that brought it still does', async () => {
    const next = await successorOf(await enrolled('agt_kept'))
    await call('POST', '/agents/agt_kept/versions', { by, body: { version: '2', overlapHours: 1 } })
    expect((await activate(next)).status).toBe(200)
  })
})
