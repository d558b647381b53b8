import type { KeySource } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { countermark } from 'countermark/koa'
import Koa from 'koa'

/** A code forge for agents that act for themselves: what each may do, the registry says. */
export function createServer({ origin, keys }: { readonly origin: () => string; readonly keys: KeySource }): Koa {
  const agents = countermark({ origins: () => [origin()], keys, replay: memoryReplayStore() })
  const router = new Router({ prefix: '/repos/:repo' })

  router.get('/', agents.require('repo:read'), (ctx) => {
    ctx.body = { ...ctx.params, for: ctx.state.agent?.id }
  })

  // Either will do. Which one the agent has decides what happens.
  router.post('/pulls', agents.require({ anyOf: ['pr:write', 'pr:write:draft'] }), (ctx) => {
    ctx.status = 201
    ctx.body = { draft: ctx.state.agent?.can('pr:write') !== true, used: ctx.state.agent?.capability?.used }
  })

  // Both must be there.
  router.post('/pulls/:number/merge', agents.require({ allOf: ['pr:merge', 'repo:{repo}:push'] }), (ctx) => {
    ctx.body = { merged: ctx.params['number'], used: ctx.state.agent?.capability?.used }
  })

  const app = new Koa()
  app.use(agents)
  app.use(bodyParser())
  app.use(router.routes())
  return app
}
