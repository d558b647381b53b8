import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { type StorePlace, sqlitePlace } from './stores.ts'

let place: StorePlace
let world: World
let server: StartedServer
let call: ReturnType<typeof createCaller>
let by: TestAgent

beforeAll(async () => {
  place = await sqlitePlace()
  world = await createWorld(place.open())
  server = await startServer((req, res) => void world.authority.handle(req, res))
  call = createCaller(server.port)
  by = world.admin
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
})
afterAll(async () => {
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

const keyFor = (agentId: string): Promise<TestAgent> => createTestAgent({ agentId, clock: world.clock })

async function enrolled(id: string): Promise<TestAgent> {
  const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
  await call('POST', '/agents', { by, body: agent })
  const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
  const signer = await keyFor(id)
  await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
  return signer
}

/** A thief who has the key of an agent lets another one follow it, and waits. */
async function successorOf(stolen: TestAgent): Promise<TestAgent> {
  const next = await keyFor(stolen.agentId)
  const begun = await call('POST', `/agents/${stolen.agentId}/keys`, { by: stolen, body: { key: next.publicJwk } })
  expect(begun.status).toBe(202)
  return next
}

const activate = (next: TestAgent) =>
  call('POST', `/agents/${next.agentId}/keys/${next.thumbprint}/activation`, { by: next })

const REFUSED = { status: 409, body: { code: 'state_conflict' } }

describe('a key that a stolen one brought before it was revoked', () => {
  it('does not come to count by itself', async () => {
    const stolen = await enrolled('agt_stolen')
    const next = await successorOf(stolen)
    await call('POST', `/agents/agt_stolen/keys/${stolen.thumbprint}/revocation`, {
      by,
      body: { reason: 'stolen', last: 'revoke' },
    })
    expect(await activate(next)).toMatchObject(REFUSED)
    expect(await call('GET', '/agents/agt_stolen', { by: next })).toMatchObject({ status: 401 })
  })

  it('does not come to count while the agent is stopped', async () => {
    const next = await successorOf(await enrolled('agt_stopped'))
    await call('POST', '/stops', { by, body: { target: { kind: 'agent', agent: 'agt_stopped' }, reason: 'stolen' } })
    expect(await activate(next)).toMatchObject(REFUSED)
  })
})

describe('a proposed key that calls itself by the thumbprint of another', () => {
  it('is refused, so that an owner approves the key that they looked at', async () => {
    await enrolled('agt_named')
    const [wanted, strange] = [await keyFor('agt_named'), await keyFor('agt_named')]
    const propose = (key: TestAgent, kid: string) =>
      call('POST', '/enrolments', { by: key, body: { agent: 'agt_named', key: key.publicJwk, kid } })
    expect((await propose(wanted, 'k2')).status).toBe(202)
    expect(await propose(strange, wanted.thumbprint)).toMatchObject({ status: 422, body: { code: 'input_invalid' } })
    const approved = await call('POST', `/agents/agt_named/keys/${wanted.thumbprint}/approval`, { by })
    expect(approved).toMatchObject({ status: 200, body: { id: 'k2', thumbprint: wanted.thumbprint } })
  })

  it('may call itself by its own', async () => {
    await enrolled('agt_plain')
    const key = await keyFor('agt_plain')
    const body = { agent: 'agt_plain', key: key.publicJwk, kid: key.thumbprint }
    expect((await call('POST', '/enrolments', { by: key, body })).status).toBe(202)
  })
})
