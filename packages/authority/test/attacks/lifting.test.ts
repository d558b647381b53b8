import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createTestIssuer, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import { type Answered, createCaller, createWorld, type Sent, type World } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'

const AUDIENCE = 'https://authority.test'

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>
  let login: TestIssuer
  let by: TestAgent
  let operator: TestAgent

  beforeAll(async () => {
    place = await createPlace()
    login = await createTestIssuer('EdDSA', 'https://login.example.com')
    world = await createWorld(place.open(), { people: { issuers: [login.options()], audience: AUDIENCE } })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    await person('jane', ['orders:*', 'refunds:*'])
    await person('strict', ['orders:read'])
    operator = await agentOf('agt_operator')
    await call('POST', '/roles', { by, body: { tenant: 'acme', caller: 'agent:agt_operator', role: 'operator' } })
  }, 60_000)
  afterAll(async () => {
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  const person = (id: string, ceiling: readonly string[]): Promise<Answered> =>
    call('POST', '/tenants/acme/people', { by, body: { id, name: id, ceiling } })

  async function agentOf(id: string, more: object = {}): Promise<TestAgent> {
    const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'], ...more }
    await call('POST', '/agents', { by, body: agent })
    const { body } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
    const signer = await createTestAgent({ agentId: id, clock: world.clock })
    await call('POST', '/enrolments', { by: signer, body: { code: body.code, key: signer.publicJwk } })
    return signer
  }

  /** Jane, who owns agents and has no role. */
  async function asJane(method: string, path: string, sent: Sent = {}): Promise<Answered> {
    const now = world.clock.seconds()
    const claims = { sub: 'jane', aud: AUDIENCE, act: undefined, client_id: undefined, iat: now, exp: now + 300 }
    const headers = { authorization: `Bearer ${await login.mint(claims)}`, ...sent.headers }
    return call(method, path, { ...sent, headers })
  }
  const refused = { status: 403, body: { code: 'role_missing' } }
  const change = (id: string, body: object): Promise<Answered> =>
    asJane('PATCH', `/agents/${id}`, { body, headers: { 'if-match': '*' } })

  it('lets an owner lift what an owner set, and nothing that a role set', async () => {
    await agentOf('agt_a')
    const suspension = '/agents/agt_a/suspension'
    await asJane('POST', suspension, { body: { reason: 'odd' } })
    expect(await asJane('DELETE', suspension)).toMatchObject({ status: 200 })
    await call('POST', suspension, { by: operator, body: { reason: 'security' } })
    expect(await asJane('DELETE', suspension)).toMatchObject(refused)
    expect(await call('DELETE', suspension, { by: operator })).toMatchObject({ status: 200 })
    await call('POST', suspension, { by, body: { reason: 'security' } })
    expect(await call('DELETE', suspension, { by: operator })).toMatchObject(refused)
    expect(await call('DELETE', suspension, { by })).toMatchObject({ body: { state: 'active' } })
  })

  it('lets an owner not lift a stop, also of an agent that the owner had suspended before', async () => {
    await agentOf('agt_b')
    await asJane('POST', '/agents/agt_b/suspension', { body: { reason: 'mine' } })
    await call('POST', '/stops', { by, body: { target: { kind: 'agent', agent: 'agt_b' }, reason: 'stolen' } })
    expect(await asJane('DELETE', '/agents/agt_b/suspension')).toMatchObject(refused)
    expect((await call('GET', '/agents/agt_b', { by })).body).toMatchObject({ state: 'suspended', reason: 'stolen' })
  })

  it('lets an owner tighten constraints that a role set, and neither empty nor widen them', async () => {
    const cents = (value: number): object => ({ max_amount: { value, currency: 'USD' } })
    await agentOf('agt_c', { constraints: cents(5000) })
    expect(await change('agt_c', { constraints: {} })).toMatchObject(refused)
    expect(await change('agt_c', { constraints: cents(9000) })).toMatchObject(refused)
    expect(await change('agt_c', { constraints: cents(100) })).toMatchObject({ status: 200 })
    expect(await change('agt_c', { constraints: {} })).toMatchObject(refused)
    const lifted = await call('PATCH', '/agents/agt_c', { by, body: { constraints: {} }, headers: { 'if-match': '*' } })
    expect(lifted.body).toMatchObject({ constraints: {} })
  })

  it('lets an owner remove no stricter owner, and leave by themselves', async () => {
    await agentOf('agt_d', { owners: ['jane', 'strict'] })
    expect(await change('agt_d', { owners: ['jane'] })).toMatchObject(refused)
    expect(await change('agt_d', { owners: ['strict'] })).toMatchObject({ status: 200, body: { owners: ['strict'] } })
  })

  it('lets an owner put off no end that a role set, and take back no question that a role asked', async () => {
    const end = world.clock.wallMs() + 86_400_000
    await agentOf('agt_e')
    await call('PATCH', '/agents/agt_e', { by, body: { expiresAt: end }, headers: { 'if-match': '*' } })
    expect(await change('agt_e', { expiresAt: null })).toMatchObject(refused)
    expect(await change('agt_e', { expiresAt: end + 1 })).toMatchObject(refused)
    expect(await change('agt_e', { expiresAt: end - 1 })).toMatchObject({ status: 200 })
    await call('POST', '/agents/agt_e/retirement', { by, body: { reason: 'old' } })
    expect(await asJane('DELETE', '/agents/agt_e/retirement')).toMatchObject(refused)
  })

  it('counts a change that changes nothing as none: it takes the ETag of nobody', async () => {
    await agentOf('agt_f')
    const { headers } = await call('GET', '/agents/agt_f', { by })
    const idle = { name: 'agt_f', owners: ['jane'], ceiling: ['orders:read'] }
    expect((await change('agt_f', idle)).headers['etag']).toBe(headers['etag'])
    const etag = String(headers['etag'])
    const answer = await call('PATCH', '/agents/agt_f', { by, body: { name: 'F' }, headers: { 'if-match': etag } })
    expect(answer).toMatchObject({ status: 200, body: { name: 'F' } })
  })

  it('finds a key by its thumbprint, though a hundred others call theirs so', async () => {
    const victim = await createTestAgent({ agentId: 'agt_victim', keyId: 'main', clock: world.clock })
    const squatters = 60
    await enrolVictim()
    for (let n = 0; n < squatters; n += 1) {
      const id = `agt_squatter_${String(n).padStart(3, '0')}`
      const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
      await call('POST', '/agents', { by, body: agent })
      const { body } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
      const signer = await createTestAgent({ agentId: id, clock: world.clock })
      await call('POST', '/enrolments', { by: signer, body: { code: body.code, key: signer.publicJwk, kid: 'main' } })
    }
    const found = async (name: string): Promise<readonly string[]> => {
      const { body } = await call('GET', `/registry?keyid=${name}`)
      return body.agents.map(({ id }: { readonly id: string }) => id)
    }
    expect(await found('main')).toContain('agt_victim')
    expect(await found(victim.thumbprint)).toEqual(['agt_victim'])

    async function enrolVictim(): Promise<void> {
      world.clock.advance(1)
      const agent = { tenant: 'acme', id: 'agt_victim', name: 'v', purpose: 'p', owners: ['jane'], ceiling: [] }
      await call('POST', '/agents', { by, body: agent })
      const { body } = await call('POST', '/agents/agt_victim/enrolment-codes', { by, body: {} })
      await call('POST', '/enrolments', { by: victim, body: { code: body.code, key: victim.publicJwk, kid: 'main' } })
      world.clock.advance(1)
    }
  }, 120_000)
})
