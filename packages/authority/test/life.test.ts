import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { HOSTS } from './hosts.ts'
import { describeStores, type StorePlace } from './stores.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

describeStores((createPlace) => {
  let place: StorePlace

  beforeAll(async () => {
    place = await createPlace()
  })
  afterAll(() => place.remove())

  describe.each(Object.entries(HOSTS))('behind %s', (name, host) => {
    const tenant = name.toLowerCase().replace(' ', '-')
    let world: World
    let server: StartedServer
    let call: ReturnType<typeof createCaller>
    let admin: TestAgent

    beforeAll(async () => {
      world = await createWorld(place.open())
      admin = world.admin
      server = await startServer(host(world.authority))
      call = createCaller(server.port, '/authority')
    })
    afterAll(async () => {
      await server.close()
      await world.close()
      await world.authority.store.close()
    })

    const post = (path: string, body: unknown, by = admin) => call('POST', path, { by, body })
    const bare = (method: string, path: string, by = admin) => call(method, path, { by })
    const document = async (id: string) => (await call('GET', `/registry/${id}`)).body
    const keyOf = (agentId: string): Promise<TestAgent> => createTestAgent({ agentId, clock: world.clock })

    it('leads an agent from staged to retired', async () => {
      const [id, heir] = [`agt_${tenant}`, `agt_${tenant}_2`]
      await post('/tenants', { id: tenant, name })
      await post(`/tenants/${tenant}/people`, { id: 'jane', name: 'Jane', ceiling: ['orders:*', 'refunds:create'] })
      await post(`/tenants/${tenant}/people`, { id: 'tom', name: 'Tom', ceiling: ['orders:*'] })
      const purpose = { tenant, name: 'Checkout', purpose: 'refunds' }
      const created = await post('/agents', {
        ...purpose,
        id,
        owners: ['jane'],
        ceiling: ['orders:read', 'refunds:create'],
      })
      expect(created).toMatchObject({
        status: 201,
        body: { state: 'staged', capabilities: ['orders:read', 'refunds:create'] },
      })
      expect(await document(id)).toMatchObject({ state: 'suspended', keys: [] })

      // Its first key.
      const { body: issued } = await post(`/agents/${id}/enrolment-codes`, {})
      const first = await keyOf(id)
      expect(await post('/enrolments', { code: issued.code, key: first.publicJwk }, first)).toMatchObject({
        status: 201,
      })
      expect(await document(id)).toMatchObject({ state: 'active', owner: 'jane', keys: [{ id: first.thumbprint }] })
      const again = await post('/enrolments', { code: issued.code, key: (await keyOf(id)).publicJwk })
      expect(again.status).not.toBe(201)

      world.clock.advance(1000)

      // The next one: the old one says so, the new one signs, both overlap for a day.
      const second = await keyOf(id)
      expect(await post(`/agents/${id}/keys`, { key: second.publicJwk }, first)).toMatchObject({
        status: 202,
        body: { state: 'pending' },
      })
      expect(await bare('GET', `/agents/${id}`, second)).toMatchObject({ status: 401, body: { code: 'key_unknown' } })
      expect(await bare('POST', `/agents/${id}/keys/${second.thumbprint}/activation`, second)).toMatchObject({
        status: 200,
        body: { state: 'active' },
      })
      expect(await bare('GET', `/agents/${id}`, first)).toMatchObject({ status: 200 })
      world.clock.advance(25 * HOUR_MS)
      expect(await bare('GET', `/agents/${id}`, first)).toMatchObject({ status: 401, body: { code: 'key_expired' } })
      const { body: keys } = await bare('GET', `/agents/${id}/keys`, second)
      expect(keys.items.map(({ state }: { readonly state: string }) => state)).toEqual(['retired', 'active'])
      expect(keys.items[1].lastUsedAt).toBe(world.clock.wallMs())

      // The last key is not lost by accident.
      const revocation = `/agents/${id}/keys/${second.thumbprint}/revocation`
      expect(await post(revocation, { reason: 'test' })).toMatchObject({ status: 409, body: { code: 'last_key' } })

      // Too old.
      world.clock.advance(80 * DAY_MS)
      const old = await bare('GET', `/agents/${id}/keys`)
      expect(old.body.items[1]).toMatchObject({ state: 'active', age: 'rotate' })
      world.clock.advance(10 * DAY_MS)
      expect(await bare('GET', `/agents/${id}`, second)).toMatchObject({ status: 401, body: { code: 'key_expired' } })

      // A new version, with a key that an owner's code lets in.
      const version = await post(`/agents/${id}/versions`, { version: '2', overlapHours: 1 })
      expect(version).toMatchObject({ status: 201, body: { version: '2' } })
      const third = await keyOf(id)
      await post('/enrolments', { code: version.body.enrolment.code, key: third.publicJwk }, third)
      expect(await document(id)).toMatchObject({ version: '2' })

      // Suspended and resumed.
      expect(await post(`/agents/${id}/suspension`, { reason: 'odd' }, third)).toMatchObject({
        status: 403,
        body: { code: 'role_missing' },
      })
      expect(await post(`/agents/${id}/suspension`, { reason: 'odd' })).toMatchObject({
        body: { state: 'suspended', reason: 'odd' },
      })
      expect(await bare('GET', `/agents/${id}`, third)).toMatchObject({
        status: 403,
        body: { code: 'agent_suspended' },
      })
      expect(await bare('DELETE', `/agents/${id}/suspension`)).toMatchObject({ body: { state: 'active' } })

      // Its owner leaves.
      const departure = await bare('POST', `/tenants/${tenant}/people/jane/departure`)
      expect(departure).toMatchObject({ status: 200, body: { suspended: [id] } })
      expect(await document(id)).toMatchObject({ state: 'suspended', capabilities: [] })
      expect(await bare('DELETE', `/agents/${id}/suspension`)).toMatchObject({ status: 409 })
      const { headers } = await bare('GET', `/agents/${id}`)
      const change = { owners: ['tom'], ceiling: ['orders:read', 'orders:write'] }
      const adopted = await call('PATCH', `/agents/${id}`, {
        by: admin,
        body: change,
        headers: { 'if-match': String(headers['etag']) },
      })
      expect(adopted).toMatchObject({
        status: 200,
        body: { owners: ['tom'], capabilities: ['orders:read', 'orders:write'] },
      })
      expect(await bare('DELETE', `/agents/${id}/suspension`)).toMatchObject({ body: { state: 'active' } })

      // Retired: one asks, another one approves, and the heir gets what its owner may give.
      await post(`/tenants/${tenant}/people`, { id: 'ann', name: 'Ann', ceiling: ['orders:read'] })
      await post('/agents', { ...purpose, id: heir, owners: ['ann'] })
      await post('/roles', { caller: 'agent:agt_ops', tenant, role: 'admin' })
      expect(await post(`/agents/${id}/retirement`, { reason: 'replaced', replacement: heir })).toMatchObject({
        status: 202,
        body: { state: 'active' },
      })
      expect(await bare('POST', `/agents/${id}/retirement/approval`)).toMatchObject({
        status: 403,
        body: { code: 'role_missing' },
      })
      const ops = await operator()
      expect(await bare('POST', `/agents/${id}/retirement/approval`, ops)).toMatchObject({
        status: 200,
        body: {
          agent: { state: 'retired', replacedBy: heir },
          handedOver: ['orders:read'],
          notHandedOver: ['orders:write'],
        },
      })
      expect(await document(id)).toMatchObject({ state: 'retired' })
      expect(await bare('GET', `/agents/${heir}`)).toMatchObject({ body: { ceiling: ['orders:read'] } })
      expect(await post(`/agents/${id}/enrolment-codes`, {})).toMatchObject({
        status: 409,
        body: { code: 'state_conflict' },
      })
      expect(world.events()).toEqual(expect.arrayContaining(['key_rotated', 'person_left', 'agent_retired']))
    })

    /** Another administrator of this tenant: an agent that is registered itself. */
    async function operator(): Promise<TestAgent> {
      const id = `agt_ops_${tenant}`
      const purpose = { tenant, name: 'Ops', purpose: 'operations' }
      await post('/agents', { ...purpose, id, owners: ['ann'] })
      await post('/roles', { caller: `agent:${id}`, tenant, role: 'admin' })
      const { body } = await post(`/agents/${id}/enrolment-codes`, {})
      const ops = await keyOf(id)
      await post('/enrolments', { code: body.code, key: ops.publicJwk }, ops)
      return ops
    }
  })
})
