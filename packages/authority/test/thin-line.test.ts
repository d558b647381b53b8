import { createGuard } from '@countermark/express'
import { registry } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import supertest from 'supertest'
import { createCaller, createWorld, ORIGIN, type World } from './authority-world.ts'
import { describeStores, type StorePlace } from './stores.ts'

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>

  beforeAll(async () => {
    place = await createPlace()
    world = await createWorld(place.open())
    server = await startServer(express().use('/authority', (req, res) => void world.authority.handle(req, res)))
    call = createCaller(server.port, '/authority')
  })
  afterAll(async () => {
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  it('registers an agent, enrols its key, and a guarded backend lets it in', async () => {
    const { admin: by, clock } = world
    expect(await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })).toMatchObject({ status: 201 })
    const jane = { id: 'jane@example.com', name: 'Jane', ceiling: ['orders:*', 'refunds:create'] }
    expect(await call('POST', '/tenants/acme/people', { by, body: jane })).toMatchObject({ status: 201 })
    const agent = {
      tenant: 'acme',
      id: 'agt_7f2k9x',
      name: 'Checkout',
      purpose: 'refunds',
      owners: [jane.id],
      ceiling: ['orders:read'],
    }
    expect(await call('POST', '/agents', { by, body: agent })).toMatchObject({ status: 201, body: { state: 'staged' } })
    const { body: issued } = await call('POST', '/agents/agt_7f2k9x/enrolment-codes', { by, body: {} })
    const buyer = await createTestAgent({ agentId: 'agt_7f2k9x', clock })
    const enrolment = { code: issued.code, key: buyer.publicJwk }
    expect(await call('POST', '/enrolments', { by: buyer, body: enrolment })).toMatchObject({
      status: 201,
      body: { agent: 'agt_7f2k9x', agentState: 'active', state: 'active' },
    })
    expect(await call('GET', '/agents/agt_7f2k9x', { by: buyer })).toMatchObject({
      status: 200,
      body: { state: 'active' },
    })

    const keys = registry(`${server.origin}/authority/registry`, {
      ...{ allowHttp: true, allowPrivateAddresses: true, ports: [server.port] },
    })
    const store = memoryReplayStore({ clock, startedAt: 0 })
    const guard = createGuard({ origins: [ORIGIN], clock })
    const shop = express()
    shop.use(guard(verifySignature({ keys }), preventReplay({ store })))
    shop.get('/orders', (req, res) => void res.json(req.agent?.record))
    const { headers } = await buyer.signRequest({ url: `${ORIGIN}/orders` })
    const answer = await supertest(shop).get('/orders').set(headers).set('host', 'authority.test')
    expect(answer.body).toMatchObject({
      id: 'agt_7f2k9x',
      state: 'active',
      owner: jane.id,
      capabilities: ['orders:read'],
    })
    await keys.close?.()
    expect(world.events()).toEqual([
      'tenant_created',
      'person_created',
      'agent_created',
      'enrolment_code_issued',
      'key_enrolled',
    ])
    expect(world.recorded()).not.toContain(issued.code)
  })
})
