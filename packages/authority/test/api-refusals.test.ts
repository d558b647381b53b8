import type { Observer } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { type StorePlace, sqlitePlace } from './stores.ts'

let place: StorePlace
let world: World
let server: StartedServer
let call: ReturnType<typeof createCaller>
let by: TestAgent
const measured: Measurement[] = []

beforeAll(async () => {
  place = await sqlitePlace()
  const observer: Observer = { measured: (measurement) => void measured.push(measurement) }
  world = await createWorld(place.open(), { observers: [observer] })
  server = await startServer((req, res) => void world.authority.handle(req, res))
  call = createCaller(server.port)
})
afterAll(async () => {
  await world.authority.close()
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

function countOf(code: string): number {
  return measured.filter(({ name, labels }) => name === 'api_refused_total' && labels?.['code'] === code).length
}

async function enrolledStranger(): Promise<TestAgent> {
  const { admin: by, clock } = world
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
  const agent = { tenant: 'acme', id: 'agt_a', name: 'A', purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
  await call('POST', '/agents', { by, body: agent })
  const { body } = await call('POST', '/agents/agt_a/enrolment-codes', { by, body: {} })
  const signer = await createTestAgent({ agentId: 'agt_a', clock })
  await call('POST', '/enrolments', { by: signer, body: { code: body.code, key: signer.publicJwk } })
  return signer
}

describe('a refusal of the API', () => {
  it('is counted by its code, and recorded with who was refused', async () => {
    by = await enrolledStranger()
    const { status } = await call('POST', '/tenants', { by, body: { id: 'mine', name: 'Mine' } })
    expect([status, countOf('role_missing')]).toEqual([403, 1])
    const [line = ''] = world
      .recorded()
      .split('\n')
      .filter((each) => each.includes('act_refused'))
    expect(line).toContain('role_missing')
    expect(line).toContain('agent:agt_a')
  })

  it('is counted where no caller is known', async () => {
    await call('GET', '/nowhere')
    await call('PUT', '/agents')
    expect([countOf('not_found'), countOf('method_not_allowed')]).toEqual([1, 1])
  })

  it('is answered though it cannot be recorded, and a read that finds nothing is not recorded', async () => {
    const before = world.events().length
    expect((await call('GET', '/agents/agt_none', { by: world.admin })).status).toBe(404)
    expect(world.events()).toHaveLength(before)
    world.breakTrail(true)
    const answer = await call('GET', '/tenants/acme/people', { by })
    world.breakTrail(false)
    expect(answer).toMatchObject({ status: 403, body: { code: 'role_missing' } })
  })
})
