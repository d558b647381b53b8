import { type StartedServer, startServer } from '@countermark/testing'
import type { RegistryTables } from '../src/registry/registry-tables.ts'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { MALFORMED_REQUESTS } from './malformed-requests.ts'
import { type StorePlace, sqlitePlace } from './stores.ts'

const TABLES = [
  'tenants',
  'people',
  'agents',
  'agent_owners',
  'enrolment_codes',
  'templates',
  'changes',
  'caller_roles',
  'kept_answers',
] as const

describe('a request that is wrong', () => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>
  let before: string

  const readAll = async (): Promise<string> => {
    const { reads } = world.authority.store.tables<RegistryTables>()
    return JSON.stringify(await Promise.all(TABLES.map((table) => reads.selectFrom(table).selectAll().execute())))
  }

  beforeAll(async () => {
    place = await sqlitePlace()
    world = await createWorld(place.open())
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    const by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
    await call('POST', '/agents', {
      by,
      body: { tenant: 'acme', id: 'agt_a', name: 'A', purpose: 'p', owners: ['jane'] },
    })
    before = await readAll()
  })
  afterAll(async () => {
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  it('is one of at least two hundred kinds', () => {
    expect(MALFORMED_REQUESTS.length).toBeGreaterThanOrEqual(200)
  })

  it.each(MALFORMED_REQUESTS)(
    'is answered exactly: $method $path, $what',
    async ({ status, code, pointer, ...request }) => {
      const { method, path, body, text, headers = {} } = request
      const sent = {
        by: world.admin,
        headers,
        ...(text === undefined ? {} : { text }),
        ...(body === undefined ? {} : { body }),
      }
      const answer = await call(method, path, sent)
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code })
      expect(answer.headers['content-type']).toBe('application/problem+json')
      expect(answer.body).toMatchObject({
        status,
        type: `urn:agent-auth:error:${code}`,
        request_id: expect.any(String),
      })
      const [first] = answer.body.errors ?? [{ pointer: '' }]
      expect(first.pointer.startsWith(pointer ?? '')).toBe(true)
    },
  )

  it.each([
    ['credentials_missing', 401, {}],
    ['scheme_not_allowed', 401, { signature: 'x', 'signature-input': 'y' }],
    ['credentials_missing', 401, { cookie: 'session=1' }],
    ['credentials_missing', 401, { authorization: 'Basic YTpi' }],
  ])('is answered %s (%s) when it proves nothing: %j', async (code, status, headers) => {
    const answer = await call('POST', '/tenants', { body: { id: 'b', name: 'B' }, headers })
    expect([answer.status, answer.body.code].join()).toMatch(
      new RegExp(`${status},(${code}|signature_malformed)|400,signature_malformed`),
    )
  })

  it('changes nothing', async () => {
    expect(await readAll()).toBe(before)
    const events = world.events()
    const acts = events.filter((event) => event !== 'act_refused')
    expect(acts).toEqual(['tenant_created', 'person_created', 'agent_created'])
    expect(events.length).toBeGreaterThan(acts.length)
  })
})
