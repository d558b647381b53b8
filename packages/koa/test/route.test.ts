import { type AgentFact, defineCheck } from '@countermark/core'
import type { RouteInfo } from '@countermark/core/internal'
import { createGuard } from '@countermark/koa'
import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import mount from 'koa-mount'
import request from 'supertest'

const agent: AgentFact = {
  id: 'agt_buyer',
  level: 'signed',
  scheme: 'httpsig',
  record: { id: 'agt_buyer', state: 'active' },
}

/** A guard that lets everybody pass and answers with the route it saw. */
function answerRoute(): readonly Middleware[] {
  let route: RouteInfo | undefined
  const look = defineCheck({ name: 'look', needs: [], adds: ['agent'] }, (seen) => {
    route = seen.route()
    return { agent }
  })
  const answer: Middleware = (ctx) => {
    ctx.body = route
  }
  return [createGuard({ origins: ['api.example.com'] })(look), answer]
}

function appWith(build: (app: Koa) => void): Koa {
  const app = new Koa()
  build(app)
  return app
}

async function routeOf(app: Koa, path: string): Promise<RouteInfo> {
  return (await request(app.callback()).get(path).set('Host', 'api.example.com')).body
}

describe('the route that a check sees', () => {
  it('has the prefixes of all routers', async () => {
    const inner = new Router({ prefix: '/orders' }).get('/:id', ...answerRoute())
    const outer = new Router({ prefix: '/v1' }).use(inner.routes())
    expect(
      await routeOf(
        appWith((app) => app.use(outer.routes())),
        '/v1/orders/7',
      ),
    ).toEqual({
      template: '/v1/orders/:id',
      parameters: { id: '7' },
    })
  })

  it('has no prefix that koa-mount took away', async () => {
    const router = new Router().get('/orders/:id', ...answerRoute())
    const inner = appWith((app) => app.use(router.routes()))
    const route = await routeOf(
      appWith((app) => app.use(mount('/v1', inner))),
      '/v1/orders/7',
    )
    expect(route).toEqual({ template: '/orders/:id', parameters: { id: '7' } })
  })

  it('has no template where the path is a regular expression', async () => {
    const router = new Router().get(/^\/orders\/(?<id>\d+)$/, ...answerRoute())
    expect(
      (
        await routeOf(
          appWith((app) => app.use(router.routes())),
          '/orders/7',
        )
      ).template,
    ).toBeUndefined()
  })

  it('has neither template nor parameters without a router', async () => {
    const app = appWith((bare) => answerRoute().forEach((middleware) => void bare.use(middleware)))
    expect(await routeOf(app, '/orders/7')).toEqual({ parameters: {} })
  })
})
