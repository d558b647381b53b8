import type { RequestListener } from 'node:http'
import { body, memoryBudgets } from '@countermark/capability'
import { memoryReplayStore } from '@countermark/replay'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, countermark as forExpress, fromAuthority } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { type Answered, createCaller, createWorld, ORIGIN, type World } from '../authority-world.ts'
import type { StorePlace } from '../stores.ts'

export const SHOP = 'http://shop.test'
export const DOOR_TOKEN = 'a-token-of-doors'

/** An authority, two agents that need approval for refunds, one of another tenant, and a link for doors. */
export interface ApprovalWorld {
  readonly world: World
  readonly server: StartedServer
  readonly call: ReturnType<typeof createCaller>
  readonly agent: TestAgent
  readonly other: TestAgent
  readonly stranger: TestAgent
  readonly authority: AuthorityLink
  readonly close: () => Promise<void>
}

export async function createApprovalWorld(place: StorePlace): Promise<ApprovalWorld> {
  const world = await createWorld(place.open(), { doorTokens: [DOOR_TOKEN] })
  const server = await startServer((req, res) => void world.authority.handle(req, res))
  const call = createCaller(server.port)
  const by = world.admin
  for (const tenant of ['acme', 'globex']) {
    await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
    await call('POST', `/tenants/${tenant}/people`, { by, body: { id: 'jane', name: 'Jane', ceiling: ['refunds:*'] } })
  }
  const agent = await enrol({ world, call }, 'agt_refunds', 'acme')
  const other = await enrol({ world, call }, 'agt_other', 'acme')
  const stranger = await enrol({ world, call }, 'agt_stranger', 'globex')
  await call('POST', '/roles', { by, body: { tenant: 'globex', caller: 'agent:agt_stranger', role: 'admin' } })
  const authority = fromAuthority(server.origin, {
    ...{ door: 'shop', token: DOOR_TOKEN, issuer: ORIGIN, audience: SHOP, clock: world.clock },
    ...{ allowHttp: true, allowPrivateAddresses: true, deadlineMs: 20_000 },
    // The clock of these tests leaps: that is no silence of the authority.
    staleAfterSeconds: 86_400,
  })
  await authority.ready()
  const close = async (): Promise<void> => {
    authority.close()
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  }
  return { ...{ world, server, call, agent, other, stranger, authority }, close }
}

async function enrol({ world, call }: Pick<ApprovalWorld, 'world' | 'call'>, id: string, tenant: string) {
  const constraints = { require_approval_for: ['refunds:create'] }
  const body = { tenant, id, name: id, purpose: 'p', owners: ['jane'], ceiling: ['refunds:create'], constraints }
  await call('POST', '/agents', { by: world.admin, body })
  const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by: world.admin, body: {} })
  const signer = await createTestAgent({ agentId: id, clock: world.clock })
  await call('POST', '/enrolments', { by: signer, body: { code: issued.code, key: signer.publicJwk } })
  return signer
}

type CreateShop = (known: Pick<ApprovalWorld, 'world' | 'authority'>) => RequestListener

const options = ({ world: { clock }, authority }: Pick<ApprovalWorld, 'world' | 'authority'>) => ({
  ...{ origins: [SHOP], authority, clock, sourceLimit: 'off' as const, onRefusal: () => undefined },
  replay: memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true }),
  capabilities: { budgets: memoryBudgets({ allowSingleProcess: true }) },
})
const MONEY = { amount: body('/amount'), currency: 'USD' }

function onExpress(app: ReturnType<typeof express5>): CreateShop {
  return (known) => {
    const agents = forExpress(options(known))
    app.use(agents)
    app.post('/refunds', agents.require('refunds:create', MONEY), (_req, res) => void res.json({}))
    const filed = agents.require('refunds:create', MONEY, { unapproved: 'filed' })
    return app.post('/filed/refunds', filed, (_req, res) => void res.json({}))
  }
}

function onKoa(app: Koa3): CreateShop {
  return (known) => {
    const agents = forKoa(options(known))
    const refused = agents.require('refunds:create', MONEY)
    const filed = agents.require('refunds:create', MONEY, { unapproved: 'filed' })
    const answer: Koa3.Middleware = (ctx) => {
      ctx.body = {}
    }
    const route: Koa3.Middleware = (ctx, next) => (ctx.path === '/refunds' ? refused(ctx, next) : filed(ctx, next))
    return app.use(agents).use(route).use(answer).callback()
  }
}

/** A shop of each framework, by name. Each has a memory of its own. */
export const SHOPS: readonly (readonly [name: string, createShop: () => CreateShop])[] = [
  ['Express 5', () => onExpress(express5())],
  ['Express 4', () => onExpress(express4() as unknown as ReturnType<typeof express5>)],
  ['Koa 3', () => onKoa(new Koa3())],
  ['Koa 2', () => onKoa(new Koa2())],
]

/** A refund that an agent sends. */
export interface Refund {
  readonly by: TestAgent
  readonly ticket?: string | undefined
  readonly body?: string
  readonly path?: string
}

export const REFUND = JSON.stringify({ order: '12345', amount: 200 })

/** Sends refunds to a shop. */
export function createRefund(shop: StartedServer) {
  return async ({ by, ticket, body = REFUND, path = '/refunds' }: Refund): Promise<Answered> => {
    const type = { 'content-type': 'application/json' }
    const headers = { ...type, ...(ticket === undefined ? {} : { 'approval-ticket': ticket }) }
    const signed = await by.signRequest({ method: 'POST', url: SHOP + path, headers, body })
    return supertest(shop.server)
      .post(path)
      .set({ host: 'shop.test', ...headers, ...signed.headers })
      .send(body)
  }
}

/** A refund as it is taken to the authority. */
export function asked(more: object = {}, body = REFUND, path = '/refunds'): object {
  const request = { method: 'POST', url: SHOP + path, contentType: 'application/json' }
  return { request: { ...request, body: Buffer.from(body).toString('base64') }, audience: SHOP, ...more }
}
