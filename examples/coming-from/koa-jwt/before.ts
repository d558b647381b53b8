import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import jwt from 'koa-jwt'
import { AUDIENCE, type ShopSettings } from '../shop-settings.ts'

export function createApp({ issuer, publicKey }: ShopSettings): Koa {
  const app = new Koa()
  app.use(jwt({ secret: publicKey, algorithms: ['RS256'], issuer, audience: AUDIENCE }))
  app.use(bodyParser())

  const requireScope =
    (scope: string): Middleware =>
    (ctx, next) =>
      ctx.state['user'].scope.split(' ').includes(scope) ? next() : ctx.throw(403)

  const router = new Router()
  router.get('/orders', requireScope('orders:read'), (ctx) => {
    ctx.body = { orders: [], for: ctx.state['user'].sub }
  })
  router.post('/refunds', requireScope('refunds:create'), (ctx) => {
    ctx.status = 201
    ctx.body = { refund: ctx.request.body, for: ctx.state['user'].sub }
  })
  app.use(router.routes())
  return app
}
