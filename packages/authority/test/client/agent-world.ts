import type { RequestListener } from 'node:http'
import { body, memoryBudgets } from '@countermark/capability'
import {
  type AuthorityAgent,
  type AuthorityEvent,
  type AuthoritySettings,
  createAuthorityAgent,
  type IdentityStore,
} from '@countermark/client'
import { memoryReplayStore } from '@countermark/replay'
import { type StartedServer, startServer } from '@countermark/testing'
import { type AuthorityLink, countermark as forExpress, fromAuthority } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import mount from 'koa-mount'
import type { Authority } from '../../src/index.ts'
import { createCaller, createWorld, ORIGIN, type World } from '../authority-world.ts'
import type { StorePlace } from '../stores.ts'

const DOOR_TOKEN = 'a-token-of-doors'

/** An authority and a shop, both on one framework, and agents that know no more than where these are. */
export interface AgentWorld {
  readonly world: World
  readonly call: ReturnType<typeof createCaller>
  readonly shop: StartedServer
  readonly url: string
  readonly link: AuthorityLink
  /** Registers an agent, and issues a code. */
  readonly register: (id: string) => Promise<string>
  /** An agent with the clock of the world, whose waits take no time but on that clock. */
  readonly createAgent: (id: string, store: IdentityStore, more?: AgentMore) => ObservedAgent
  readonly close: () => Promise<void>
}

/** What differs between agents. */
export interface AgentMore extends Partial<AuthoritySettings> {
  readonly fetch?: typeof fetch
  /** @default that of the shop */
  readonly origin?: string
  /** Runs while the agent waits. */
  readonly meanwhile?: () => Promise<unknown>
}

/** An agent, and what it told. */
export interface ObservedAgent extends AuthorityAgent {
  readonly events: AuthorityEvent[]
}

type ShopOptions = Parameters<typeof forExpress>[0] & Parameters<typeof forKoa>[0]

/** What runs on a framework. */
export interface Framework {
  readonly authority: (find: () => Authority | undefined) => RequestListener
  readonly shop: (options: ShopOptions) => RequestListener
}

const MONEY = { amount: body('/amount'), currency: 'USD' }

/** By name. */
export const FRAMEWORKS: Readonly<Record<'Express' | 'Koa', Framework>> = {
  Express: {
    authority: (find) => express().use('/authority', (req, res) => void find()?.handle(req, res)),
    shop: (options) => {
      const agents = forExpress(options)
      const app = express().use(agents)
      app.get('/orders', agents.require('orders:read'), (req, res) => void res.json({ agent: req.agent?.id }))
      app.post('/refunds', agents.require('refunds:create', MONEY), (_req, res) => void res.json({}))
      const filed = agents.require('refunds:create', MONEY, { unapproved: 'filed' })
      return app.post('/filed/refunds', filed, (_req, res) => void res.json({}))
    },
  },
  Koa: {
    authority: (find) =>
      new Koa()
        .use(
          mount('/authority', (context) => {
            context.respond = false
            return find()?.handle(context.req, context.res, context.originalUrl)
          }),
        )
        .callback(),
    shop: (options) => {
      const agents = forKoa(options)
      const routes: Readonly<Record<string, Koa.Middleware>> = {
        '/orders': agents.require('orders:read'),
        '/refunds': agents.require('refunds:create', MONEY),
        '/filed/refunds': agents.require('refunds:create', MONEY, { unapproved: 'filed' }),
      }
      return new Koa()
        .use(agents)
        .use((ctx, next) => routes[ctx.path]?.(ctx, next))
        .use((ctx) => {
          ctx.body = { agent: ctx.state.agent?.id }
        })
        .callback()
    },
  },
}

/** Starts everything. */
export async function createAgentWorld(place: StorePlace, framework: Framework): Promise<AgentWorld> {
  let world: World | undefined
  let listener: RequestListener | undefined
  const server = await startServer(framework.authority(() => world?.authority))
  const shop = await startServer((req, res) => listener?.(req, res))
  const url = `${server.origin}/authority`
  const tokens = { issuer: url, services: [{ audience: shop.origin }] }
  const created = await createWorld(place.open(), {
    ...{ origins: () => [ORIGIN, server.origin], doorTokens: [DOOR_TOKEN], tokens },
  })
  world = created
  const { clock, admin: by } = created
  const call = createCaller(server.port, '/authority')
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  const jane = { id: 'jane', name: 'Jane', ceiling: ['refunds:*', 'orders:*'] }
  await call('POST', '/tenants/acme/people', { by, body: jane })
  const link = fromAuthority(url, {
    ...{ door: 'shop', token: DOOR_TOKEN, audience: shop.origin, clock, allowHttp: true, allowPrivateAddresses: true },
    ...{ deadlineMs: 20_000, staleAfterSeconds: 86_400 },
  })
  listener = framework.shop({
    ...{ origins: () => [shop.origin], authority: link, clock, delegation: { audience: shop.origin } },
    ...{ resource: shop.origin, sourceLimit: 'off', onRefusal: () => undefined },
    replay: memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true }),
    capabilities: { budgets: memoryBudgets({ allowSingleProcess: true }) },
  })
  await link.ready()
  return {
    ...{ world: created, call, shop, url, link },
    register: (id) => register({ call, world: created }, id),
    createAgent: (id, store, more) => createAgent({ world: created, shop, url }, { id, store, ...more }),
    close: async () => {
      link.close()
      await Promise.all([server.close(), shop.close()])
      await created.authority.close()
      await created.close()
      await created.authority.store.close()
      await place.remove()
    },
  }
}

async function register({ call, world }: Pick<AgentWorld, 'call' | 'world'>, id: string): Promise<string> {
  const { admin: by } = world
  const constraints = { require_approval_for: ['refunds:create'] }
  const ceiling = ['refunds:create', 'orders:read']
  const agent = { tenant: 'acme', id, name: id, purpose: 'p', owners: ['jane'], ceiling, constraints }
  await call('POST', '/agents', { by, body: agent })
  return (await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })).body.code
}

function createAgent(
  { world: { clock }, shop, url }: Pick<AgentWorld, 'world' | 'shop' | 'url'>,
  {
    id,
    store,
    fetch: underlying,
    meanwhile,
    origin = shop.origin,
    ...more
  }: AgentMore & { readonly id: string; readonly store: IdentityStore },
): ObservedAgent {
  const events: AuthorityEvent[] = []
  const agent = createAuthorityAgent({
    ...{ agentId: id, origins: [origin], clock },
    delay: async (ms) => {
      clock.advance(ms)
      await meanwhile?.()
    },
    ...(underlying === undefined ? {} : { fetch: underlying }),
    authority: { url, store, allowLoopbackHttp: true, onEvent: (event) => void events.push(event), ...more },
  })
  return { ...agent, events }
}
