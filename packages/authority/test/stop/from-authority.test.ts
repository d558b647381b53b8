import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, fromAuthority } from 'countermark/express'
import supertest from 'supertest'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'
import { type CuttableLink, openCuttableLink } from './cuttable-link.ts'
import { SHOP, SHOPS } from './guarded-shops.ts'
import { until } from './until.ts'

const DOOR_TOKEN = 'token-of-the-shop'
const DAY_MS = 86_400_000

let place: StorePlace
let world: World
let server: StartedServer
let link: CuttableLink
let call: ReturnType<typeof createCaller>
let by: TestAgent

beforeAll(async () => {
  place = await sqlitePlace()
  world = await createWorld(place.open(), { doorTokens: [DOOR_TOKEN] })
  server = await startServer((req, res) => void world.authority.handle(req, res))
  link = await openCuttableLink(server.port)
  call = createCaller(server.port)
  by = world.admin
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
})
afterAll(async () => {
  await world.authority.close()
  await link.close()
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

describe.each(Object.entries(SHOPS))('countermark on %s, with an authority', (name, createShop) => {
  const door = name.replace(' ', '-')
  const agentId = `agt_${door.toLowerCase()}`
  let authority: AuthorityLink
  let shop: StartedServer
  let agent: TestAgent

  beforeAll(async () => {
    authority = fromAuthority(`http://127.0.0.1:${link.port}`, {
      ...{ door, token: DOOR_TOKEN, staleAfterSeconds: 30, clock: world.clock },
      ...{ allowHttp: true, allowPrivateAddresses: true },
    })
    await authority.ready()
    shop = await startServer(createShop({ authority, clock: world.clock }))
    const body = { tenant: 'acme', id: agentId, name, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
    await call('POST', '/agents', { by, body })
    agent = await enrol()
  })
  afterAll(async () => {
    link.heal()
    authority.close()
    await shop.close()
    await call('DELETE', `/doors/${door}`, { by })
  })

  async function enrol(): Promise<TestAgent> {
    const { body: issued } = await call('POST', `/agents/${agentId}/enrolment-codes`, { by, body: {} })
    const signer = await createTestAgent({ agentId, clock: world.clock })
    await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
    return signer
  }

  async function order(method: 'GET' | 'POST' = 'POST', signer = agent): Promise<string> {
    const { headers } = await signer.signRequest({ method, url: `${SHOP}/orders` })
    const request = method === 'GET' ? supertest(shop.server).get('/orders') : supertest(shop.server).post('/orders')
    const { status, body } = await request.set(headers).set('host', 'shop.test')
    return `${status} ${body.code ?? ''}`.trim()
  }

  const stop = async (target: object) =>
    (await call('POST', '/stops', { by, body: { target, reason: 'stolen' } })).body.id as string

  /** The door knows everything. */
  const current = async (): Promise<void> => {
    const headers = { authorization: `Bearer ${DOOR_TOKEN}` }
    await until(async () => {
      const { body } = await call('GET', `/doors/${door}/changes?after=${authority.state().seq}`, { headers })
      return body.events.length === 0 && authority.state().seq === body.seq
    })
  }

  const reached = (id: string) =>
    until(async () => {
      const { doors, reached: count } = (await call('GET', `/stops/${id}`, { by })).body.doors
      return doors === count
    })

  it('lets a registered agent in, and listens to the stream', async () => {
    expect(await order()).toBe('200')
    await until(() => authority.state().link === 'stream')
    expect(authority.state()).toMatchObject({ door, isStale: false })
  })

  it('refuses an agent that is stopped once the door has said so, and lets it in when it is resumed', async () => {
    await reached(await stop({ kind: 'agent', agent: agentId }))
    expect(await order()).toBe('403 agent_suspended')
    await call('DELETE', `/agents/${agentId}/suspension`, { by })
    await current()
    expect(await order()).toBe('200')
  })

  it('refuses a key that is stopped, and takes the next one', async () => {
    await reached(await stop({ kind: 'key', key: agent.thumbprint }))
    expect(await order()).toBe('401 key_revoked')
    agent = await enrol()
    await current()
    expect(await order()).toBe('200')
  })

  it('refuses what changes something when nothing was heard for 30 seconds, and heals by itself', async () => {
    link.cut()
    await until(() => authority.state().link === 'polling')
    world.clock.advance(29_000)
    expect(await order()).toBe('200')
    world.clock.advance(31_000)
    expect([await order('GET'), await order()]).toEqual(['200', '503 revocation_unavailable'])
    const id = await stop({ kind: 'agent', agent: agentId })
    expect((await call('GET', `/stops/${id}`, { by })).body.doors).toMatchObject({ missing: [{ id: door }] })
    link.heal()
    await reached(id)
    expect([authority.state().isStale, await order()]).toEqual([false, '403 agent_suspended'])
    await call('DELETE', `/agents/${agentId}/suspension`, { by })
    await until(async () => (await order()) === '200')
  })

  it('knows agents for a day without the authority', async () => {
    expect(await order('GET')).toBe('200')
    link.cut()
    world.clock.advance(DAY_MS - 3_600_000)
    expect(await order('GET')).toBe('200')
    link.heal()
    await until(() => !authority.state().isStale)
  })
})

it('wants an https URL and a name that can stand in a path', () => {
  for (const wrong of ['http://authority.test', 'authority', 'https://user@authority.test', 'https://a.test/?b']) {
    expect(() => fromAuthority(wrong)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  }
  const named = () => fromAuthority('https://authority.test', { door: 'a door' })
  expect(named).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
})
