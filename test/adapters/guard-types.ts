import type { AgentFact, Check, ProofFact } from '@countermark/core'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import Router from '@koa/router'
import express from 'express'
import Koa from 'koa'
import { createSignatureChecks } from './signature-checks.ts'

// Not run: the compiler reads this file (tsconfig.test.json), and every expected error must be one.

declare const requireAgent: Check<{ readonly agent: AgentFact }, { readonly capability: string }>
declare const requireProofAndCapability: Check<{ readonly proof: ProofFact; readonly capability: string }, object>
declare const needsNothing: Check<object, object>

const { verify, once } = createSignatureChecks({ name: 'none', findKeys: () => [] })
const origins = ['api.example.com']

export function expressApp(): express.Express {
  const guard = createExpressGuard({ origins, respond: 'next' })
  const app = express()
  app.use(guard(verify, once))
  app.use('/admin', guard(verify, once, requireAgent, requireProofAndCapability), express.Router())
  app.get('/orders/:id', guard(requireAgent), (req, res) => {
    const id: string | undefined = req.agent?.id
    const covered: boolean | undefined = req.agent?.covered('@query')
    // @ts-expect-error the caller may be unknown
    req.agent.id
    // @ts-expect-error what is known cannot be changed
    if (req.agent !== undefined) req.agent.level = 'signed'
    res.json({ id, covered, order: req.params['id'] })
  })
  app.post('/orders', guard.with({ minimumLevel: 'bearer', optional: true, mode: 'observe' })(verify, once))
  app.get('/known', guard())
  return app
}

export function koaApp(): Koa {
  const guard = createKoaGuard({ origins, respond: 'throw' })
  const app = new Koa()
  app.use(guard(verify, once))
  app.use(async (ctx, next) => {
    const id: string | undefined = ctx.state.agent?.id
    // @ts-expect-error the caller may be unknown
    ctx.state.agent.id
    ctx.body = { id }
    await next()
  })
  const router = new Router()
  router.use(guard(verify, once))
  router.get('/orders/:id', guard(requireAgent), (ctx) => {
    ctx.body = { agent: ctx.state.agent?.id, order: ctx.params['id'] }
  })
  app.use(router.routes())
  return app
}

export function mistakes(): void {
  const onExpress = createExpressGuard({ origins })
  const onKoa = createKoaGuard({ origins })
  // @ts-expect-error once needs the proof that verify adds
  onExpress(once, verify)
  // @ts-expect-error the same in Koa
  onKoa(once, verify)
  // @ts-expect-error nothing before adds an agent
  onExpress(needsNothing, requireAgent)
  // @ts-expect-error the capability comes too late
  onKoa(verify, once, requireProofAndCapability, requireAgent)
  // @ts-expect-error a function that answers yes or no is no check
  onExpress(() => true)
  // @ts-expect-error origins have no default
  createExpressGuard({})
  // @ts-expect-error Koa has no next(error)
  createKoaGuard({ origins, respond: 'next' })
  // @ts-expect-error Express has no middleware that catches
  createExpressGuard({ origins, respond: 'throw' })
  // @ts-expect-error there is no such level
  onExpress.with({ minimumLevel: 'trusted' })
  // @ts-expect-error options of the factory are not options of a route
  onKoa.with({ origins })
}

interface ShopState {
  readonly basket: readonly string[]
}

export function koaAppWithState(): Koa<ShopState> {
  const guard = createKoaGuard({ origins })
  const app = new Koa<ShopState>()
  app.use(guard(verify, once))
  app.use((ctx) => {
    const id: string | undefined = ctx.state.agent?.id
    // @ts-expect-error nobody may be known
    ctx.state.agent.id
    // @ts-expect-error what the application says of its state still holds
    ctx.state.cart
    ctx.body = { id, basket: ctx.state.basket }
  })
  const router = new Router<ShopState>()
  router.get('/orders', guard(requireAgent), (ctx) => {
    ctx.body = { agent: ctx.state.agent?.id, basket: ctx.state.basket.length }
  })
  app.use(router.routes())
  return app
}
