import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type Answered, createCaller, createWorld, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'

const SHOP = '203.0.113.1'

let place: StorePlace
let world: World
let server: StartedServer
let call: ReturnType<typeof createCaller>

beforeAll(async () => {
  place = await sqlitePlace()
  const sourceLimit = { perSecond: 1, burst: 3 }
  world = await createWorld(place.open(), { sourceLimit, trustedProxies: ['127.0.0.0/8'] })
  server = await startServer((req, res) => void world.authority.handle(req, res))
  call = createCaller(server.port)
  const by = world.admin
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
  const agent = {
    tenant: 'acme',
    id: 'agt_wanted',
    name: 'a',
    purpose: 'p',
    owners: ['jane'],
    ceiling: ['orders:read'],
  }
  await call('POST', '/agents', { by, body: agent })
})
afterAll(async () => {
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

const newKey = (): Promise<TestAgent> => createTestAgent({ agentId: 'agt_wanted', clock: world.clock })
const enrol = async (key: TestAgent, body: object, from: string): Promise<Answered> =>
  call('POST', '/enrolments', { by: key, body: { ...body, key: key.publicJwk }, headers: { 'x-forwarded-for': from } })

describe('keys that strangers make up', () => {
  it('cost their network, and no other one', async () => {
    const answers: Answered[] = []
    for (const body of [{ agent: 'agt_wanted' }, { agent: 'agt_none' }, { code: 'made-up' }, { agent: 'agt_wanted' }])
      answers.push(await enrol(await newKey(), body, '198.51.100.7'))
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [202, undefined],
      [403, 'enrolment_refused'],
      [403, 'enrolment_refused'],
      [429, 'rate_limited'],
    ])
    const neighbour = await enrol(await newKey(), { agent: 'agt_wanted' }, '198.51.100.9')
    expect(neighbour).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })

    const issued = await call('POST', '/agents/agt_wanted/enrolment-codes', { by: world.admin, body: {} })
    expect((await enrol(await newKey(), { code: issued.body.code }, SHOP)).status).toBe(201)
  })

  it('are heard again when the network has waited', async () => {
    world.clock.advance(2000)
    expect((await enrol(await newKey(), { agent: 'agt_wanted' }, '198.51.100.7')).status).toBe(202)
  })
})
