import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, fromAuthority } from 'countermark/express'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { type CuttableLink, openCuttableLink } from './cuttable-link.ts'
import { until } from './until.ts'

const TOKEN = 'a-token-of-doors'
const HOUR_MS = 3_600_000

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let link: CuttableLink
  let call: ReturnType<typeof createCaller>
  let by: TestAgent

  beforeAll(async () => {
    place = await createPlace()
    world = await createWorld(place.open(), { doorTokens: [TOKEN] })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    link = await openCuttableLink(server.port)
    call = createCaller(server.port)
    by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
  }, 60_000)
  afterAll(async () => {
    await world.authority.close()
    await link.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  async function createAgent(id: string): Promise<TestAgent> {
    const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
    await call('POST', '/agents', { by, body: agent })
    const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
    const signer = await createTestAgent({ agentId: id, clock: world.clock })
    await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
    return signer
  }

  const stop = (target: object) => call('POST', '/stops', { by, body: { target, reason: 'stolen' } })
  const headers = { authorization: `Bearer ${TOKEN}` }
  const asDoor = (path: string) => call('GET', `/doors/door-1${path}`, { headers })
  const follow = (door: string): AuthorityLink =>
    fromAuthority(`http://127.0.0.1:${link.port}`, {
      ...{ door, token: TOKEN, clock: world.clock, allowHttp: true, allowPrivateAddresses: true },
    })

  it('goes on behind lines that are not kept any more with what is stopped', async () => {
    for (const id of ['agt_a', 'agt_b', 'agt_c']) await createAgent(id)
    const { thumbprint } = await createAgent('agt_d')
    await stop({ kind: 'agent', agent: 'agt_a' })
    await stop({ kind: 'agent', agent: 'agt_b' })
    await stop({ kind: 'key', key: thumbprint })
    const { body: before } = await asDoor('/changes')
    const old = follow('door-old')
    await until(() => old.state().seq === before.seq)
    const covers = (authority: AuthorityLink, agentId: string, key = '') =>
      authority.revocations.findSigner({ agentId, thumbprint: key, created: world.clock.seconds() })
    expect([covers(old, 'agt_a'), covers(old, 'agt_b'), covers(old, 'agt_c')]).toEqual(['agent', 'agent', undefined])

    link.cut()
    await until(() => old.state().link === 'polling')
    await call('DELETE', '/agents/agt_b/suspension', { by })
    world.clock.advance(26 * HOUR_MS)
    await stop({ kind: 'agent', agent: 'agt_c' })
    const { body: edge } = await asDoor(`/changes?after=${before.seq - 1}`)
    expect(edge).toEqual({ seq: expect.any(Number), events: [], more: true, picture: true })
    expect(edge.seq).toBeGreaterThan(before.seq)
    link.heal()
    const fresh = follow('door-fresh')
    for (const authority of [old, fresh]) {
      await until(() => authority.state().seq > edge.seq && !authority.state().isStale)
      const all = ['agt_a', 'agt_b', 'agt_c'].map((id) => covers(authority, id))
      expect([...all, covers(authority, 'agt_d', thumbprint)]).toEqual(['agent', undefined, 'agent', 'key'])
      authority.close()
    }
  })

  it('keeps a bounded number of lines, and the last of them', async () => {
    for (let round = 0; round < 3; round += 1) {
      world.clock.advance(26 * HOUR_MS)
      await stop({ kind: 'agent', agent: 'agt_b' })
      await call('DELETE', '/agents/agt_b/suspension', { by })
    }
    const { reads } = world.authority.store.tables<{ door_events: { seq: number } }>()
    const kept = (await reads.selectFrom('door_events').select('seq').orderBy('seq').execute()).map(({ seq }) => seq)
    expect(kept.length).toBeLessThanOrEqual(4)
    const [first = 0] = kept
    expect(kept).toEqual(kept.map((_, index) => first + index))
    expect((await asDoor(`/changes?after=${first - 1}`)).body.seq).toBe(kept.at(-1))
  })

  it('gives a picture to a door that knows lines of a database that was set back', async () => {
    const { body } = await asDoor('/changes?after=1000000')
    expect(body).toMatchObject({ events: [], more: true, picture: true })
    expect(await asDoor('/picture?cursor=nothing')).toMatchObject({ status: 400, body: { code: 'cursor_invalid' } })
    expect(await call('GET', '/doors/door-1/picture')).toMatchObject({ status: 401 })
  })

  it('leads a stream that was given such a number back to the beginning', async () => {
    const authority = follow('door-ahead')
    await until(() => authority.state().link === 'stream')
    const { seq } = authority.state()
    const tables = world.authority.store.tables<{ door_events: { seq: number } }>()
    await tables.transaction('registry', (inside) =>
      inside
        .deleteFrom('door_events')
        .where('seq', '>', seq - 1)
        .execute(),
    )
    await until(() => authority.state().seq === seq - 1)
    authority.close()
  })
})

describe('a door', () => {
  it.each([
    ['more without anything', { seq: 0, events: [], more: true }],
    ['pictures for ever', { seq: 0, events: [], more: true, picture: true }],
  ])('gives up %s, and stays closed to what changes something', async (_name, answer) => {
    let asked = 0
    const server = await startServer((req, res) => {
      asked += req.url?.includes('/changes') === true ? 1 : 0
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(req.url?.includes('/picture') === true ? { events: [], next: undefined } : answer))
    })
    const lost: string[] = []
    const authority = fromAuthority(server.origin, {
      ...{ token: TOKEN, allowHttp: true, allowPrivateAddresses: true },
      onLost: (error) => void lost.push(String(error)),
    })
    await until(() => lost.length > 1)
    expect([authority.state().isStale, asked < 20]).toEqual([true, true])
    expect(lost[0]).toMatch(/sends nothing|does not keep/)
    authority.close()
    await server.close()
  })
})
