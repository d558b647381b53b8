import { createTestAgent, type StartedServer, startServer } from '@countermark/testing'
import { type Answered, createCaller, createWorld, type World } from './authority-world.ts'
import { describeStores, type StorePlace } from './stores.ts'

const HUNDRED = Array.from({ length: 100 }, (_, index) => index)

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>

  beforeAll(async () => {
    place = await createPlace()
    world = await createWorld(place.open())
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    const by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
    const agent = { tenant: 'acme', id: 'agt_a', name: 'A', purpose: 'p', owners: ['jane'] }
    await call('POST', '/agents', { by, body: agent })
  })
  afterAll(async () => {
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  const statuses = (answers: readonly Answered[]): Readonly<Record<string, number>> => {
    const counted: Record<string, number> = {}
    for (const { status, body } of answers) {
      const name = `${status} ${body.code ?? ''}`.trim()
      counted[name] = (counted[name] ?? 0) + 1
    }
    return counted
  }

  it('lets one of a hundred keys enrol by one code', async () => {
    const { body: issued } = await call('POST', '/agents/agt_a/enrolment-codes', { by: world.admin, body: {} })
    const keys = await Promise.all(HUNDRED.map(() => createTestAgent({ agentId: 'agt_a', clock: world.clock })))
    const enrol = (by: (typeof keys)[number]) =>
      call('POST', '/enrolments', { by, body: { code: issued.code, key: by.publicJwk } })
    expect(statuses(await Promise.all(keys.map(enrol)))).toEqual({ '201': 1, '403 enrolment_refused': 99 })
    const { body } = await call('GET', '/registry/agt_a')
    expect(body.keys).toHaveLength(1)
  })

  it('carries one of a hundred requests with one Idempotency-Key out, and answers them all alike', async () => {
    const headers = { 'idempotency-key': 'order-1' }
    const body = { tenant: 'acme', name: 'B', purpose: 'p', owners: ['jane'] }
    const create = () => call('POST', '/agents', { by: world.admin, body, headers })
    const answers = await Promise.all(HUNDRED.map(create))
    expect(statuses(answers)).toEqual({ '201': 100 })
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    expect(world.events().filter((event) => event === 'agent_created')).toHaveLength(2)
    const other = await call('POST', '/agents', { by: world.admin, body: { ...body, name: 'C' }, headers })
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
  })

  it('lets one of a hundred changes of one revision through', async () => {
    const { headers } = await call('GET', '/agents/agt_a', { by: world.admin })
    const change = (index: number) =>
      call('PATCH', '/agents/agt_a', {
        ...{ by: world.admin, body: { name: `name ${index}` } },
        headers: { 'if-match': String(headers['etag']) },
      })
    expect(statuses(await Promise.all(HUNDRED.map(change)))).toEqual({ '200': 1, '412 precondition_failed': 99 })
  })

  it('registers one public key for one of two agents', async () => {
    await call('POST', '/agents', {
      by: world.admin,
      body: { tenant: 'acme', id: 'agt_b', name: 'B', purpose: 'p', owners: ['jane'] },
    })
    const key = await createTestAgent({ agentId: 'agt_b', clock: world.clock })
    const codes = await Promise.all(
      ['agt_a', 'agt_b'].map((id) => call('POST', `/agents/${id}/enrolment-codes`, { by: world.admin, body: {} })),
    )
    const answers = await Promise.all(
      codes.map(async ({ body }) => {
        const sent = { code: body.code, key: key.publicJwk }
        const request = { url: 'http://authority.test/enrolments', body: JSON.stringify(sent), agentId: null }
        const { headers } = await key.signRequest({ ...request, headers: { 'content-type': 'application/json' } })
        return call('POST', '/enrolments', { body: sent, headers })
      }),
    )
    expect(statuses(answers)).toEqual({ '201': 1, '409 key_taken': 1 })
  })

  it('does nothing that the trail cannot keep', async () => {
    world.breakTrail(true)
    const body = { id: 'unrecorded', name: 'Unrecorded' }
    expect(await call('POST', '/tenants', { by: world.admin, body })).toMatchObject({
      status: 503,
      body: { code: 'audit_unavailable' },
    })
    world.breakTrail(false)
    await world.trail.flush().catch(() => undefined)
    expect(await call('POST', '/tenants', { by: world.admin, body })).toMatchObject({ status: 201 })
  })
})
