import { generateKeyPairSync, sign } from 'node:crypto'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from './authority-world.ts'
import { type StorePlace, sqlitePlace } from './stores.ts'

const IDP = generateKeyPairSync('ed25519')
const AUDIENCE = 'https://authority.example.com'
const TOKEN = 'a-token-of-one-door'

/** Lines of a door's trail, as it would have written them. */
function decision(agent: string, capabilities: readonly string[], at: string): string {
  return JSON.stringify({
    record: { type: 'decision', decision: 'allow', at, agent: { id: agent }, action: { capabilities } },
  })
}

describe('the API', () => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>

  beforeAll(async () => {
    place = await sqlitePlace()
    const jwk = { ...IDP.publicKey.export({ format: 'jwk' }), kid: 'idp', alg: 'EdDSA' }
    const issuer = { issuer: 'https://idp.example.com', keys: { jwks: { keys: [jwk] } }, types: ['at+jwt'] }
    world = await createWorld(place.open(), {
      people: { issuers: [issuer as never], audience: AUDIENCE },
      doorTokens: [TOKEN],
      decisions: () => [
        decision('agt_a', ['orders:read'], '2025-12-31T00:00:00.000Z'),
        decision('agt_a', ['orders:read'], '2025-12-30T00:00:00.000Z'),
        decision('agt_a', ['dns:read'], '2024-01-01T00:00:00.000Z'),
        '{"half',
      ],
    })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    for (const tenant of ['acme', 'other']) {
      await post('/tenants', { id: tenant, name: tenant })
      await post(`/tenants/${tenant}/people`, { id: 'jane', name: 'Jane', ceiling: ['orders:*', 'dns:*'] })
    }
    for (const id of ['agt_a', 'agt_b', 'agt_c']) {
      await post('/agents', {
        tenant: 'acme',
        id,
        name: id,
        purpose: 'p',
        owners: ['jane'],
        ceiling: ['orders:read', 'dns:read'],
      })
    }
  })
  afterAll(async () => {
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  const post = (path: string, body: unknown, by = world.admin) => call('POST', path, { by, body })

  async function enrolled(id: string, tenant: string): Promise<TestAgent> {
    await post('/agents', { tenant, id, name: id, purpose: 'p', owners: ['jane'] })
    const { body } = await post(`/agents/${id}/enrolment-codes`, {})
    const agent = await createTestAgent({ agentId: id, clock: world.clock })
    await post('/enrolments', { code: body.code, key: agent.publicJwk }, agent)
    return agent
  }

  function tokenOf(sub: string, more: object = {}): string {
    const now = world.clock.seconds()
    const claims = { iss: 'https://idp.example.com', sub, aud: AUDIENCE, iat: now, exp: now + 300, jti: sub, ...more }
    const text = [{ alg: 'EdDSA', typ: 'at+jwt', kid: 'idp' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `Bearer ${text}.${sign(null, Buffer.from(text), IDP.privateKey).toString('base64url')}`
  }

  it('keeps tenants apart', async () => {
    const operator = await enrolled('agt_other_ops', 'other')
    await post('/roles', { caller: 'agent:agt_other_ops', tenant: 'other', role: 'admin' })
    expect(await call('GET', '/agents/agt_a', { by: operator })).toMatchObject({ status: 404 })
    expect(await call('GET', '/agents?tenant=acme', { by: operator })).toMatchObject({
      status: 403,
      body: { code: 'role_missing' },
    })
    expect(await call('GET', '/agents?tenant=other', { by: operator })).toMatchObject({ status: 200 })
    expect(await post('/agents/agt_a/suspension', { reason: 'r' }, operator)).toMatchObject({ status: 404 })
    expect(await post('/roles', { caller: 'agent:x', tenant: '*', role: 'admin' }, operator)).toMatchObject({
      status: 403,
    })
    expect(await post('/tenants', { id: 'third', name: 'T' }, operator)).toMatchObject({ status: 403 })
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect(await call('GET', '/tenants/other/registry/agt_a', { headers })).toMatchObject({ status: 404 })
    expect(await call('GET', '/tenants/acme/registry/agt_a', { headers })).toMatchObject({ status: 200 })
  })

  it('lets a person act on what they own, by a token of their identity provider', async () => {
    const headers = { authorization: tokenOf('jane') }
    expect(await call('GET', '/agents/agt_a', { headers })).toMatchObject({ status: 200 })
    expect(await call('POST', '/agents/agt_b/suspension', { headers, body: { reason: 'r' } })).toMatchObject({
      status: 200,
    })
    expect(await call('DELETE', '/agents/agt_b/suspension', { headers })).toMatchObject({ status: 200 })
    expect(await call('POST', '/tenants', { headers, body: { id: 'x', name: 'X' } })).toMatchObject({
      status: 403,
      body: { code: 'role_missing' },
    })
    expect(await call('GET', '/agents/agt_a', { headers: { authorization: tokenOf('tom') } })).toMatchObject({
      status: 404,
    })
  })

  it.each([
    ['an agent that acts for the person', () => tokenOf('jane', { act: { sub: 'agt_a' } })],
    ['another audience', () => tokenOf('jane', { aud: 'https://other.example.com' })],
    ['an end that has come', () => tokenOf('jane', { exp: 1 })],
  ])('refuses a token with %s', async (_, token) => {
    const answer = await call('GET', '/agents/agt_a', { headers: { authorization: token() } })
    expect([401, 403]).toContain(answer.status)
  })

  it('lists in pages, each agent once', async () => {
    const ids: string[] = []
    let next: string | undefined
    do {
      const cursor = next === undefined ? '' : `&cursor=${next}`
      const { body } = await call('GET', `/agents?tenant=acme&limit=2${cursor}`, { by: world.admin })
      ids.push(...body.items.map(({ id }: { readonly id: string }) => id))
      next = body.next
    } while (next !== undefined)
    expect(ids).toEqual(['agt_a', 'agt_b', 'agt_c'])
  })

  it('answers 304 to those who have the same revision', async () => {
    const { headers } = await call('GET', '/agents/agt_a', { by: world.admin })
    const known = { 'if-none-match': String(headers['etag']) }
    expect(await call('GET', '/agents/agt_a', { by: world.admin, headers: known })).toMatchObject({ status: 304 })
  })

  it('lets doors with a token read the registry, and tell which keys they saw', async () => {
    const agent = await enrolled('agt_seen', 'acme')
    expect(await call('GET', '/registry/agt_seen')).toMatchObject({
      status: 401,
      body: { code: 'credentials_missing' },
    })
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect(await call('GET', '/registry/agt_seen', { headers })).toMatchObject({
      status: 200,
      body: { id: 'agt_seen' },
    })
    const found = await call('GET', `/registry?keyid=${agent.thumbprint}`, { headers })
    expect(found.body.agents).toMatchObject([{ id: 'agt_seen', keys: [{ id: agent.thumbprint }] }])
    expect((await call('GET', '/registry?keyid=none', { headers })).body).toEqual({ agents: [] })
    const usedAt = world.clock.wallMs() - 1000
    const body = {
      uses: [
        { thumbprint: agent.thumbprint, usedAt },
        { thumbprint: 'none', usedAt },
      ],
    }
    expect(await call('POST', '/registry/key-uses', { headers, body })).toMatchObject({
      status: 200,
      body: { noted: 1 },
    })
    const keys = await call('GET', '/agents/agt_seen/keys', { by: world.admin })
    expect(keys.body.items).toMatchObject([{ lastUsedAt: usedAt }])
  })

  it('takes a proposed key once an owner has approved it', async () => {
    await post('/agents', { tenant: 'acme', id: 'agt_new', name: 'N', purpose: 'p', owners: ['jane'] })
    const agent = await createTestAgent({ agentId: 'agt_new', clock: world.clock })
    const proposal = { agent: 'agt_new', key: agent.publicJwk }
    expect(await post('/enrolments', proposal, agent)).toMatchObject({ status: 202, body: { state: 'pending' } })
    const activation = `/agents/agt_new/keys/${agent.thumbprint}/activation`
    expect(await call('POST', activation, { by: agent })).toMatchObject({
      status: 409,
      body: { code: 'state_conflict' },
    })
    const headers = { authorization: tokenOf('jane') }
    const approval = `/agents/agt_new/keys/${agent.thumbprint}/approval`
    expect(await call('POST', approval, { headers })).toMatchObject({ status: 200, body: { state: 'active' } })
    expect(await call('GET', '/agents/agt_new', { by: agent })).toMatchObject({
      status: 200,
      body: { state: 'active' },
    })
  })

  it('proposes to cut what nobody used', async () => {
    const { body } = await call('GET', '/tenants/acme/access-review?days=30', { by: world.admin })
    expect(body.items[0]).toMatchObject({
      agent: 'agt_a',
      used: [{ scope: 'orders:read', requests: 2, lastAt: '2025-12-31T00:00:00.000Z' }],
      unused: ['dns:read'],
      proposal: { ceiling: ['orders:read'] },
    })
  })

  it('describes itself by the schemas that judge', async () => {
    const { body } = await call('GET', '/openapi.json')
    expect(body).toMatchObject({ openapi: '3.1.0', paths: { '/agents': { post: { operationId: 'createAgent' } } } })
    const operations = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    expect(new Set(operations).size).toBe(operations.length)
    const { schema } = body.paths['/agents'].post.requestBody.content['application/json']
    expect(schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['tenant', 'name', 'purpose', 'owners'],
    })
  })

  it('slows a caller who calls too often, and nobody else', async () => {
    const limited = await createWorld(world.authority.store, { callsPerSecond: 2 })
    const other = await startServer((req, res) => void limited.authority.handle(req, res))
    const callLimited = createCaller(other.port)
    const get = (by: TestAgent) => callLimited('GET', '/agents/agt_a', { by })
    for (let count = 0; count < 4; count++) expect(await get(limited.admin)).toMatchObject({ status: 200 })
    expect(await get(limited.admin)).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(await get(limited.second)).toMatchObject({ status: 200 })
    limited.clock.advance(1000)
    expect(await get(limited.admin)).toMatchObject({ status: 200 })
    await other.close()
    await limited.close()
  })
})
