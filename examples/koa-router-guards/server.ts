import { can, requireCapability } from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import { createGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'

/** A code forge for agents that act for themselves: what each may do, the registry says. */
export function createServer({ origin, keys }: { readonly origin: () => string; readonly keys: KeySource }): Koa {
  const guard = createGuard({ authorities: () => [origin()] })
  const router = new Router({ prefix: '/repos/:repo' })

  router.get('/', guard(requireCapability('repo:read')), (ctx) => {
    ctx.body = { repo: ctx.params['repo'], for: ctx.state.agent?.id }
  })

  // Either will do. Which one the agent has decides what happens.
  router.post('/pulls', guard(requireCapability({ anyOf: ['pr:write', 'pr:write:draft'] })), (ctx) => {
    ctx.status = 201
    ctx.body = { draft: !can(ctx.state.agent, 'pr:write'), used: ctx.state.agent?.capability?.used }
  })

  // Both must be there.
  router.post('/pulls/:number/merge', guard(requireCapability({ allOf: ['pr:merge', 'repo:{repo}:push'] })), (ctx) => {
    ctx.body = { merged: ctx.params['number'], used: ctx.state.agent?.capability?.used }
  })

  const app = new Koa()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() })))
  app.use(bodyParser())
  app.use(router.routes())
  return app
}
