import type { RequestListener } from 'node:http'
import { memoryReplayStore } from '@countermark/replay'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, countermark as forExpress, fromAuthority } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { createCaller, createWorld, ORIGIN, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'

const SHOP = 'http://shop.test'
const REFUND = JSON.stringify({ order: '12345', amount: 200 })

let place: StorePlace
let world: World
let server: StartedServer
let call: ReturnType<typeof createCaller>
let by: TestAgent
let agent: TestAgent
let stranger: TestAgent
let authority: AuthorityLink

beforeAll(async () => {
  place = await sqlitePlace()
  world = await createWorld(place.open(), { doorTokens: ['a-token-of-doors'] })
  server = await startServer((req, res) => void world.authority.handle(req, res))
  call = createCaller(server.port)
  by = world.admin
  for (const tenant of ['acme', 'globex']) {
    await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
    await call('POST', `/tenants/${tenant}/people`, { by, body: { id: 'jane', name: 'Jane', ceiling: ['refunds:*'] } })
  }
  agent = await enrol('agt_refunds', 'acme')
  stranger = await enrol('agt_stranger', 'globex')
  const role = { tenant: 'globex', caller: 'agent:agt_stranger', role: 'admin' }
  await call('POST', '/roles', { by, body: role })
  authority = fromAuthority(server.origin, {
    ...{ door: 'shop', token: 'a-token-of-doors', issuer: ORIGIN, audience: SHOP, clock: world.clock },
    ...{ allowHttp: true, allowPrivateAddresses: true },
  })
  await authority.ready()
})
afterAll(async () => {
  authority.close()
  await world.authority.close()
  await server.close()
  await world.close()
  await world.authority.store.close()
  await place.remove()
})

async function enrol(id: string, tenant: string): Promise<TestAgent> {
  const constraints = { require_approval_for: ['refunds:create'] }
  const body = { tenant, id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['refunds:create'], constraints }
  await call('POST', '/agents', { by, body })
  const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
  const signer = await createTestAgent({ agentId: id, clock: world.clock })
  await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
  return signer
}

const asked = (more: object = {}) => ({
  request: {
    ...{ method: 'POST', url: `${SHOP}/refunds`, contentType: 'application/json' },
    body: Buffer.from(REFUND).toString('base64'),
  },
  audience: SHOP,
  ...more,
})

const ask = (more: object = {}) => call('POST', '/approvals', { by: agent, body: asked(more) })
const approve = (id: string, signer = by) => call('POST', `/approvals/${id}/approval`, { by: signer, body: {} })
const ticketOf = async (id: string) => (await call('GET', `/approvals/${id}`, { by: agent })).body.ticket as string

const options = () => ({
  ...{ origins: [SHOP], authority, clock: world.clock, sourceLimit: 'off' as const, onRefusal: () => undefined },
  replay: memoryReplayStore({ clock: world.clock, startedAt: 0, allowSingleProcess: true }),
})

function onExpress(app: ReturnType<typeof express5>): RequestListener {
  const agents = forExpress(options())
  return app.use(agents).post('/refunds', agents.require('refunds:create'), (_req, res) => void res.json({}))
}

function onKoa(app: Koa3): RequestListener {
  const agents = forKoa(options())
  const answer: Koa3.Middleware = (ctx) => {
    ctx.body = {}
  }
  return app.use(agents).use(agents.require('refunds:create')).use(answer).callback()
}

describe.each<[string, () => RequestListener]>([
  ['Express 5', () => onExpress(express5())],
  ['Express 4', () => onExpress(express4() as unknown as ReturnType<typeof express5>)],
  ['Koa 3', () => onKoa(new Koa3())],
  ['Koa 2', () => onKoa(new Koa2())],
])('a request that needs approval, on %s', (_name, createShop) => {
  let shop: StartedServer

  beforeAll(async () => {
    shop = await startServer(createShop())
  })
  afterAll(() => shop.close())

  async function refund(ticket?: string, body = REFUND) {
    const headers = {
      'content-type': 'application/json',
      ...(ticket === undefined ? {} : { 'approval-ticket': ticket }),
    }
    const signed = await agent.signRequest({ method: 'POST', url: `${SHOP}/refunds`, headers, body })
    const sent = { host: 'shop.test', ...headers, ...signed.headers }
    return supertest(shop.server).post('/refunds').set(sent).send(body)
  }

  it('is let through once when a person has approved it, and no other request is', async () => {
    const refused = await refund()
    expect(refused).toMatchObject({
      status: 403,
      body: { code: 'approval_required', approval_url: `${server.origin}/approvals` },
    })
    const { status, body } = await ask({ digest: refused.body.approval_digest })
    expect([status, body.state]).toEqual([202, 'pending'])
    expect(await approve(body.id)).toMatchObject({
      status: 200,
      body: { state: 'approved', decidedBy: 'agent:agt_admin' },
    })
    const ticket = await ticketOf(body.id)
    expect((await refund(ticket, REFUND.replace('200', '900'))).body).toMatchObject({ code: 'approval_required' })
    expect(await refund(ticket)).toMatchObject({ status: 200 })
    expect((await refund(ticket)).body).toMatchObject({ code: 'approval_required' })
  })

  it('is let through by one of a hundred uses at once', async () => {
    const { body } = await ask()
    await approve(body.id)
    const ticket = await ticketOf(body.id)
    const answers = await Promise.all(Array.from({ length: 100 }, () => refund(ticket)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })
})

describe('approvals', () => {
  it('are decided once, whoever asks a hundred times', async () => {
    const { body } = await ask()
    const answers = await Promise.all(Array.from({ length: 100 }, () => approve(body.id)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body: { code } }) => code === 'state_conflict')).toHaveLength(99)
  })

  it('are rejected with a reason, and give no ticket', async () => {
    const { body } = await ask()
    await call('POST', `/approvals/${body.id}/rejection`, { by, body: { reason: 'too much' } })
    const { body: found } = await call('GET', `/approvals/${body.id}`, { by: agent })
    expect(found).toMatchObject({ state: 'rejected', reason: 'too much' })
    expect(found.ticket).toBeUndefined()
  })

  it('are denied when nothing is decided in time', async () => {
    const { body } = await ask({ waitSeconds: 60 })
    world.clock.advance(60_000)
    expect((await call('GET', `/approvals/${body.id}`, { by: agent })).body).toMatchObject({ state: 'expired' })
    expect(await approve(body.id)).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
  })

  it('are not decided by the agent itself, and do not exist for another tenant', async () => {
    const { body } = await ask()
    expect(await approve(body.id, agent)).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    expect(await approve(body.id, stranger)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await call('GET', `/approvals/${body.id}`, { by: stranger })).toMatchObject({ status: 404 })
    expect((await call('GET', `/approvals/${body.id}`, { by })).body.ticket).toBeUndefined()
  })

  it('are asked for the very request that was refused', async () => {
    expect(await ask({ digest: 'x'.repeat(43) })).toMatchObject({ status: 422, body: { code: 'input_invalid' } })
  })

  it('are recorded without what is secret', () => {
    expect(world.events()).toEqual(expect.arrayContaining(['approval_asked', 'approval_approved', 'approval_rejected']))
    expect(world.recorded()).not.toContain('approval-ticket+jwt')
  })
})
