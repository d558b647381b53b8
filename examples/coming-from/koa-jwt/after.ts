import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { countermark, fromFile } from 'countermark/koa'
import Koa from 'koa'
import { AUDIENCE, type ShopSettings } from '../shop-settings.ts'

export function createApp({ issuer, jwks, agentsFile, revocations }: ShopSettings): Koa {
  const app = new Koa()
  const tokens = { issuer, keys: { jwks }, types: ['JWT'], actorClaims: ['azp'] }
  const agents = countermark({
    origins: ['https://shop.example.com'],
    keys: fromFile(agentsFile),
    delegation: { issuers: [tokens], audience: AUDIENCE, revocations },
  })
  app.use(agents)
  app.use(bodyParser())

  const router = new Router()
  router.get('/orders', agents.require('orders:read'), (ctx) => {
    ctx.body = { orders: [], for: ctx.state.agent?.delegation?.subject }
  })
  router.post('/refunds', agents.require('refunds:create'), (ctx) => {
    ctx.status = 201
    ctx.body = { refund: ctx.request.body, for: ctx.state.agent?.delegation?.subject }
  })
  app.use(router.routes())
  return app
}
