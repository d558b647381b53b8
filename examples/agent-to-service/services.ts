import type { RequestListener } from 'node:http'
import { body, memoryBudgets } from '@countermark/capability'
import { type AuthorityLink, countermark as forExpress, fromAuthority } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'

/** One service: where it is, and where its agents are registered. */
export interface ServiceOptions {
  readonly origin: string
  readonly authority: string
  readonly doorToken: string
}

/** A service, and its link to the authority. */
export interface Service {
  readonly listener: RequestListener
  readonly link: AuthorityLink
}

/** Orders, on Express. */
export function createOrders(options: ServiceOptions): Service {
  const { origin } = options
  const authority = linkTo('orders', options)
  const agents = forExpress({ origins: [origin], authority, delegation: { audience: origin } })
  const app = express().use(agents)
  app.get('/orders', agents.require('orders:read'), (req, res) => void res.json({ for: req.agent?.id }))
  return { listener: app, link: authority }
}

/** Refunds, on Koa. */
export function createRefunds(options: ServiceOptions): Service {
  const { origin } = options
  const authority = linkTo('refunds', options)
  const capabilities = { budgets: memoryBudgets() }
  const agents = forKoa({ origins: [origin], authority, delegation: { audience: origin }, capabilities })
  const app = new Koa().use(agents).use(agents.require('refunds:create', { amount: body('/amount'), currency: 'USD' }))
  app.use((ctx) => {
    ctx.body = { by: ctx.state.agent?.id }
  })
  return { listener: app.callback(), link: authority }
}

function linkTo(door: string, { origin, authority, doorToken }: ServiceOptions): AuthorityLink {
  const here = { allowHttp: true, allowPrivateAddresses: true }
  return fromAuthority(authority, { door, token: doorToken, audience: origin, ...here })
}
