import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { describeStores, type StorePlace, sqlitePlace } from '../stores.ts'
import { openDoorStream } from './door-stream.ts'
import { whatBringsTokens, writeToken, writeWhatBringsTokens } from './write-token.ts'

const DOOR_TOKEN = 'a-token-of-doors'

const ISSUER = 'https://authority.test'

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>
  let operator: TestAgent
  let by: TestAgent

  beforeAll(async () => {
    place = await createPlace()
    world = await createWorld(place.open(), {
      doorTokens: [DOOR_TOKEN],
      tokens: { issuer: ISSUER, services: [{ audience: 'https://api.test' }] },
    })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    by = world.admin
    for (const tenant of ['acme', 'globex']) {
      await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
      await call('POST', `/tenants/${tenant}/people`, { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
    }
    operator = await createAgent('agt_operator', 'acme')
    await call('POST', '/roles', { by, body: { tenant: 'acme', caller: 'agent:agt_operator', role: 'operator' } })
  })
  afterAll(async () => {
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  async function createAgent(id: string, tenant: string): Promise<TestAgent> {
    const agent = { tenant, id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
    await call('POST', '/agents', { by, body: agent })
    const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
    const signer = await createTestAgent({ agentId: id, clock: world.clock })
    await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
    return signer
  }

  const asDoor = (method: string, path: string, sent: object = {}) =>
    call(method, path, { ...sent, headers: { authorization: `Bearer ${DOOR_TOKEN}` } })

  const lastSeq = async (): Promise<number> => (await asDoor('GET', '/doors/door-1/changes')).body.seq

  const stop = (target: object, signer = by) =>
    call('POST', '/stops', { by: signer, body: { target, reason: 'it was stolen' } })

  it('tells doors of an agent that is stopped, and says when the last one had it', async () => {
    await createAgent('agt_a', 'acme')
    const before = await lastSeq()
    const open = (door: number) => openDoorStream(server.port, DOOR_TOKEN, `/doors/door-${door}/events?after=${before}`)
    const doors = await Promise.all([1, 2].map(open))
    await asDoor('PUT', '/doors/door-1', { body: { seq: before } })
    await asDoor('PUT', '/doors/door-2', { body: { seq: before } })
    const { status, body } = await stop({ kind: 'agent', agent: 'agt_a' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ agents: 1, doors: { doors: 2, reached: 0 } })
    await Promise.all(doors.map((door) => door.wait(1)))
    const line = { seq: before + 1, action: 'revoke', event: { type: 'agent', agentId: 'agt_a' } }
    expect(doors.map(({ lines }) => lines)).toMatchObject([[line], [line]])
    await asDoor('PUT', '/doors/door-1', { body: { seq: before + 1 } })
    world.clock.advance(140)
    expect((await call('GET', `/stops/${body.id}`, { by })).body.doors).toMatchObject({
      ...{ doors: 2, reached: 1 },
      missing: [{ id: 'door-2', behind: 1 }],
    })
    await asDoor('PUT', '/doors/door-2', { body: { seq: before + 1 } })
    const { body: reached } = await call('GET', `/stops/${body.id}`, { by })
    expect(reached.doors).toEqual({ doors: 2, reached: 2, lastMs: 140, missing: [] })
    expect((await call('GET', '/agents/agt_a', { by })).body).toMatchObject({ state: 'suspended' })
    for (const door of doors) door.close()
  })

  it('tells what was missed to a door that comes back', async () => {
    const last = await lastSeq()
    const { body } = await asDoor('GET', `/doors/door-1/changes?after=${last - 1}`)
    expect(body).toMatchObject({ more: false, events: [{ seq: last, action: 'revoke' }] })
    const door = await openDoorStream(server.port, DOOR_TOKEN, `/doors/door-1/events?after=${last - 1}`)
    await door.wait(1)
    expect(door.lines[0]).toMatchObject({ seq: last })
    door.close()
  })

  it('takes a suspension back at doors when the agent is resumed', async () => {
    const before = await lastSeq()
    await call('DELETE', '/agents/agt_a/suspension', { by })
    const { body } = await asDoor('GET', `/doors/door-1/changes?after=${before}`)
    expect(body.events).toMatchObject([{ action: 'withdraw', event: { type: 'agent', agentId: 'agt_a' } }])
  })

  it.each([
    ['GET', '/doors/door-1/events'],
    ['GET', '/doors/door-1/changes'],
    ['PUT', '/doors/door-1'],
  ])('tells doors alone: %s %s', async (method, path) => {
    const body = method === 'PUT' ? { seq: 1 } : undefined
    expect(await call(method, path, { body })).toMatchObject({ status: 401, body: { code: 'credentials_missing' } })
    const folder = await sqlitePlace()
    const open = await createWorld(folder.open())
    const other = await startServer((req, res) => void open.authority.handle(req, res))
    const answer = await createCaller(other.port)(method, path, { body })
    expect(answer).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    await open.authority.close()
    await other.close()
    await open.close()
    await open.authority.store.close()
    await folder.remove()
  })

  it('ends everything that was exchanged for a token', async () => {
    await createAgent('agt_b', 'acme')
    await writeToken(world, { tokenId: 'parent', agentId: 'agt_a', subject: 'user_1' })
    await writeToken(world, { tokenId: 'child', agentId: 'agt_b', subject: 'user_1', parentId: 'parent' })
    const before = await lastSeq()
    expect((await stop({ kind: 'token', token: 'parent' })).body).toMatchObject({ tokens: 2, agents: 0 })
    const { body } = await asDoor('GET', `/doors/door-1/changes?after=${before}`)
    const names = body.events.map(({ event }: { readonly event: { readonly tokenId: string } }) => event.tokenId)
    expect(new Set(names)).toEqual(new Set(['parent', 'child']))
  })

  it('revokes a key, though it is the last one', async () => {
    const signer = await createAgent('agt_c', 'acme')
    const key = signer.thumbprint
    await writeToken(world, { tokenId: 'bound', agentId: 'agt_c', subject: 'u', thumbprint: key })
    // A thief of the key binds its tokens to another one, by DPoP.
    const stolen = { thumbprint: 'dpop-key-of-a-thief', clientThumbprint: key }
    await writeToken(world, { tokenId: 'stolen', agentId: 'agt_c', subject: 'u', ...stolen })
    expect((await stop({ kind: 'key', key })).body).toMatchObject({ tokens: 2 })
    expect(await call('GET', '/agents/agt_c', { by: signer })).toMatchObject({
      status: 401,
      body: { code: 'key_revoked' },
    })
  })

  it('stops a chain, and a user everywhere or with the agents of one tenant', async () => {
    await createAgent('agt_g', 'globex')
    await writeToken(world, { tokenId: 'c1', agentId: 'agt_b', subject: 'user_2', chainId: 'chain-1' })
    await writeToken(world, { tokenId: 'c2', agentId: 'agt_g', subject: 'user_2', chainId: 'chain-1' })
    await writeToken(world, { tokenId: 'u1', agentId: 'agt_b', subject: 'user_2' })
    await writeToken(world, { tokenId: 'u2', agentId: 'agt_g', subject: 'user_2' })
    expect((await stop({ kind: 'chain', chain: 'chain-1' })).body).toMatchObject({ tokens: 2 })
    expect((await stop({ kind: 'user', subject: 'user_2', in: 'acme' }, operator)).body).toMatchObject({ tokens: 1 })
    const { body } = await stop({ kind: 'user', subject: 'user_2' })
    expect(body).toMatchObject({ tokens: 1 })
    const { body: all } = await asDoor('GET', '/doors/door-1/changes')
    expect(all.events).toContainEqual(
      expect.objectContaining({ event: expect.objectContaining({ type: 'user', issuer: ISSUER, subject: 'user_2' }) }),
    )
  })

  it('stops what would bring a user new tokens in a tenant, though the last ones have ended', async () => {
    await createAgent('agt_later', 'acme')
    await writeWhatBringsTokens(world, { agentId: 'agt_later', subject: 'user_9', familyId: 'rtf_9' })
    await writeWhatBringsTokens(world, { agentId: 'agt_later', subject: 'user_10', familyId: 'rtf_10' })
    const { status } = await stop({ kind: 'user', subject: 'user_9', in: 'acme' }, operator)
    expect(status).toBe(201)
    expect(await whatBringsTokens(world)).toEqual(['delegation rtf_10', 'refresh rtf_10'])
  })

  it('says before who and what would be cut off', async () => {
    await writeToken(world, { tokenId: 'p1', agentId: 'agt_b', subject: 'user_3' })
    const { body } = await call('POST', '/stops/preview', { by, body: { target: { kind: 'agent', agent: 'agt_b' } } })
    expect(body).toEqual({
      ...{ tokens: 1, users: 1, doors: 2 },
      agents: [{ id: 'agt_b', name: 'agt_b', owners: ['jane'] }],
    })
  })

  it('hides from the operator of one tenant what is of another', async () => {
    const { body: globex } = await stop({ kind: 'agent', agent: 'agt_g' })
    await writeToken(world, { tokenId: 'g1', agentId: 'agt_g', subject: 'user_4' })
    const targets = [
      { kind: 'agent', agent: 'agt_g' },
      { kind: 'token', token: 'g1' },
      { kind: 'tenant', tenant: 'globex' },
      { kind: 'user', subject: 'user_4', in: 'globex' },
    ]
    for (const target of targets) {
      expect(await stop(target, operator)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
    expect(await call('GET', `/stops/${globex.id}`, { by: operator })).toMatchObject({ status: 404 })
    expect(await call('GET', '/stops?tenant=globex', { by: operator })).toMatchObject({ status: 403 })
    expect(await stop({ kind: 'user', subject: 'user_4' }, operator)).toMatchObject({ status: 403 })
  })

  it('suspends every agent of a tenant at once', async () => {
    const { body } = await stop({ kind: 'tenant', tenant: 'acme' })
    expect(body.agents).toBeGreaterThan(2)
    const { body: active } = await call('GET', '/agents?tenant=acme&state=active', { by })
    expect(active.items).toEqual([])
  })

  it('forgets a door that is gone', async () => {
    expect(await call('DELETE', '/doors/door-2', { by })).toMatchObject({ status: 200 })
    const { body } = await call('GET', '/doors', { by })
    expect(body.items).toMatchObject([{ id: 'door-1' }])
    expect(await asDoor('PUT', '/doors/door-1', { body: { seq: 10_000 } })).toMatchObject({
      body: { code: 'state_conflict' },
    })
  })

  it('does not stop what cannot be recorded', async () => {
    await call('DELETE', '/agents/agt_b/suspension', { by })
    const before = await lastSeq()
    world.breakTrail(true)
    expect(await stop({ kind: 'agent', agent: 'agt_b' })).toMatchObject({ status: 503 })
    world.breakTrail(false)
    expect(await lastSeq()).toBe(before)
  })
})
