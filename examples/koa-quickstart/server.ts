import { staticKeys } from '@countermark/keys'
import { createGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'

/** A Koa application whose callers are agents that sign their requests. */
export function createServer(options: {
  readonly origin: () => string
  readonly agentKeys: Readonly<Record<string, string>>
}): Koa {
  const keys = staticKeys(Object.entries(options.agentKeys).map(([agentId, key]) => ({ agentId, key })))
  const guard = createGuard({ origins: () => [options.origin()] })

  const router = new Router()
  router.post('/orders', (ctx) => {
    ctx.status = 201
    ctx.body = { order: ctx.request.body, placedBy: ctx.state.agent?.id }
  })

  const app = new Koa()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() })))
  app.use(bodyParser())
  app.use(router.routes())
  return app
}
