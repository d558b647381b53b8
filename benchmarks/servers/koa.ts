import { createGuard } from '@countermark/koa'
import Koa, { type Middleware } from 'koa'
import jwt from 'koa-jwt'
import type { CreateListener } from '../server.ts'
import { createChecks, GUARD_OPTIONS } from './countermark.ts'

function app(...middlewares: readonly Middleware[]): ReturnType<Koa['callback']> {
  const application = new Koa()
  for (const middleware of middlewares) application.use(middleware)
  application.use((ctx) => {
    ctx.body = { ok: true }
  })
  return application.callback()
}

/** Servers on Koa 3. */
export const KOA_SERVERS: Readonly<Record<string, CreateListener>> = {
  koa3: () => app(),
  'koa3+countermark': (identity) => app(createGuard(GUARD_OPTIONS)(...createChecks(identity))),
  'koa3+koa-jwt': ({ rsaPublicPem }) => app(jwt({ secret: rsaPublicPem, algorithms: ['RS256'] })),
}
