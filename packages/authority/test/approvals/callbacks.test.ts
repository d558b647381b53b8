import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { until } from '../stop/until.ts'
import { describeStores, type StorePlace, sqlitePlace } from '../stores.ts'

const SHOP = 'http://shop.test'
const AGENT = 'agt_refunds'
const PATH = `/agents/${AGENT}/approval-callback`

interface Notice {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly content: string
}

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let receiver: StartedServer
  let call: ReturnType<typeof createCaller>
  let by: TestAgent
  let agent: TestAgent
  let secret: string
  let notices: Notice[]
  let paths: (string | undefined)[]
  let answer: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

  beforeAll(async () => {
    place = await createPlace()
    const callbackHttp = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const
    world = await createWorld(place.open(), { callbackHttp })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    receiver = await startServer((req, res) => {
      const chunks: Buffer[] = []
      paths.push(req.url)
      req.on('data', (chunk: Buffer) => void chunks.push(chunk))
      req.on('end', () => {
        notices.push({ headers: req.headers, content: Buffer.concat(chunks).toString() })
        res.writeHead(answer.status, answer.headers).end()
      })
    })
    call = createCaller(server.port)
    by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['refunds:*'] } })
    await call('POST', '/agents', {
      by,
      body: { tenant: 'acme', id: AGENT, name: 'R', purpose: 'p', owners: ['jane'] },
    })
    const { body: issued } = await call('POST', `/agents/${AGENT}/enrolment-codes`, { by, body: {} })
    agent = await createTestAgent({ agentId: AGENT, clock: world.clock })
    await call('POST', '/enrolments', { by: agent, body: { code: issued.code, key: agent.publicJwk } })
    const { body } = await call('PUT', PATH, { by, body: { url: `${receiver.origin}/told` } })
    secret = body.secret
  }, 60_000)
  beforeEach(() => {
    notices = []
    paths = []
    answer = { status: 204 }
  })
  afterAll(async () => {
    await world.authority.close()
    await Promise.all([server.close(), receiver.close()])
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  let amount = 0
  const asked = (more: object = {}) => {
    amount += 1
    const body = Buffer.from(JSON.stringify({ amount })).toString('base64')
    return { request: { method: 'POST', url: `${SHOP}/refunds`, body }, audience: SHOP, ...more }
  }
  /** Asks, and a person decides. */
  async function decide(decision: 'approval' | 'rejection' = 'approval'): Promise<string> {
    const { body } = await call('POST', '/approvals', { by: agent, body: asked() })
    const given = decision === 'approval' ? {} : { reason: 'no' }
    await call('POST', `/approvals/${body.id}/${decision}`, { by, body: given })
    return body.id
  }
  const idsOf = () => notices.map(({ headers }) => headers['webhook-id'])

  it('tells the registered address what was decided, signed, and without the ticket', async () => {
    const [first, second] = [await decide(), await decide('rejection')]
    await until(() => notices.length === 2)
    const told = notices.map(({ content }) => JSON.parse(content))
    const expected = [
      { type: 'approval.approved', data: { task: { id: first, status: 'approved' }, agent: AGENT } },
      { type: 'approval.rejected', data: { task: { id: second, status: 'rejected' }, agent: AGENT } },
    ]
    expect(told).toMatchObject(expected)
    expect(notices.map(({ content }) => content).join()).not.toContain('ey')
    const rules = { secrets: webhookSecrets('secret', secret), nowMs: world.clock.wallMs() }
    expect(notices.map(({ headers, content }) => verifyWebhook(headers, content, rules))).toEqual([true, true])
    expect(notices.map(({ headers, content }) => verifyWebhook(headers, `${content} `, rules))).toEqual([false, false])
  })

  /** While time goes by. */
  const heard = (count: number) =>
    until(() => {
      world.clock.advance(500)
      return notices.length >= count
    })

  it('tells it again, under the same id, until the receiver takes it, and then no more', async () => {
    answer = { status: 500 }
    await decide()
    await heard(2)
    answer = { status: 204 }
    await heard(3)
    await decide()
    await heard(4)
    const [id, ...others] = idsOf()
    expect(others.map((each) => each === id)).toEqual([true, true, false])
  })

  it('follows no redirect', async () => {
    answer = { status: 302, headers: { location: `${receiver.origin}/elsewhere` } }
    await decide()
    await heard(1)
    answer = { status: 204 }
    await heard(2)
    expect(new Set(idsOf()).size).toBe(1)
    expect(paths).toEqual(['/told', '/told'])
  })

  it('is registered by owners and operators alone, and the secret is told once', async () => {
    const set = await call('PUT', PATH, { by: agent, body: { url: `${receiver.origin}/mine` } })
    expect(set).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    const shown = await call('GET', PATH, { by: agent })
    expect(shown.body).toEqual({
      agent: AGENT,
      url: `${receiver.origin}/told`,
      setBy: 'agent:agt_admin',
      setAt: expect.any(Number),
    })
    expect(world.recorded()).not.toContain('whsec_')
  })

  it.each([['callback'], ['callbackUrl'], ['url']])('is no part of a request for approval: %s', async (name) => {
    const body = asked({ [name]: `${receiver.origin}/mine` })
    expect(await call('POST', '/approvals', { by: agent, body })).toMatchObject({ status: 422 })
  })

  it('ends when it is removed', async () => {
    answer = { status: 500 }
    await decide()
    await until(() => notices.length === 1)
    await call('DELETE', PATH, { by })
    expect(await call('GET', PATH, { by })).toMatchObject({ status: 404 })
    await decide()
    world.clock.advance(3_600_000)
    const { body } = await call('PUT', PATH, { by, body: { url: `${receiver.origin}/told` } })
    secret = body.secret
    answer = { status: 204 }
    await decide()
    await until(() => notices.length === 2)
    expect(JSON.parse(notices[1]?.content ?? '{}').data.task.status).toBe('approved')
  })
})

describe('an authority with nothing loosened', () => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>

  beforeAll(async () => {
    place = await sqlitePlace()
    world = await createWorld(place.open())
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    const by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: [] } })
    await call('POST', '/agents', {
      by,
      body: { tenant: 'acme', id: AGENT, name: 'R', purpose: 'p', owners: ['jane'] },
    })
  })
  afterAll(async () => {
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  it.each([
    'http://receiver.example.com/',
    'https://127.0.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'https://[::1]/',
    'https://user@receiver.example.com/',
    'https://receiver.example.com:22/',
    'file:///etc/passwd',
  ])('tells nothing to %s', async (url) => {
    const { status, body } = await call('PUT', PATH, { by: world.admin, body: { url } })
    expect([status, body.errors]).toMatchObject([422, [{ pointer: '/url' }]])
  })

  it('tells public addresses', async () => {
    const url = 'https://receiver.example.com/told'
    expect(await call('PUT', PATH, { by: world.admin, body: { url } })).toMatchObject({ status: 200, body: { url } })
  })
})
