import { createGuard } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import Koa from 'koa'
import type { CreateApp } from './guarded.ts'

/** The same with Koa. */
export const createKoaApp: CreateApp = ({ origin, keys, risk, alerts }) => {
  const guard = createGuard({ origins: () => [origin()], observers: [risk.observer, alerts] })
  const app = new Koa()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() }), risk))
  app.use((ctx) => {
    if (ctx.path !== '/refunds') return
    ctx.status = ctx.method === 'POST' ? 201 : 200
    ctx.body = { level: ctx.state.agent?.risk?.level }
  })
  return app.callback()
}
