import { createPrivateKey } from 'node:crypto'
import { createGuard } from '@countermark/koa'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { countermark } from 'countermark/koa'
import Koa from 'koa'
import { readBackendConfig } from './backend-config.ts'
import { callerOf } from './caller.ts'
import { createChecks, createGuardOptions } from './checks.ts'
import { linkToAuthority, managedOptions, REFUND } from './managed-routes.ts'
import { createObservation } from './seeing/observation.ts'
import { serve } from './serve.ts'
import { signKoaResponse } from './sign-koa-response.ts'

const config = readBackendConfig()
const checks = createChecks(config)
const observation = createObservation(config)
const guard = createGuard(createGuardOptions(config, observation))

// A token alone will do here: to read, anybody's that has one; to write, one that a key was shown for.
const unsigned = new Router({ prefix: '/v1' })
unsigned.get('/catalogue', guard(checks.unsignedToken, checks.readCatalogue), (ctx) => {
  ctx.body = callerOf(ctx.state.agent)
})
unsigned.post('/reviews', guard.with({ minimumLevel: 'bound' })(checks.unsignedToken, checks.writeReview), (ctx) => {
  ctx.status = 201
  ctx.body = callerOf(ctx.state.agent)
})

// Here an authority says who calls, for whom, and what is stopped.
const link = linkToAuthority(config)
const managed = countermark(managedOptions(config, link, { observation, store: checks.store }))
const managedRoutes = new Router({ prefix: '/v1/managed' })
managedRoutes.get('/orders', managed, managed.require('orders:read'), (ctx) => {
  ctx.body = callerOf(ctx.state.agent)
})
managedRoutes.post('/refunds', managed, managed.require('refunds:create', REFUND), (ctx) => {
  ctx.status = 201
  ctx.body = callerOf(ctx.state.agent)
})

const signed = new Router({ prefix: '/v1' })
signed.get('/invoices/:id', (ctx) => {
  ctx.body = { agent: ctx.state.agent?.id, invoice: ctx.params['id'] }
})
signed.post('/invoices', (ctx) => {
  ctx.status = 201
  ctx.body = { agent: ctx.state.agent?.id, amount: (ctx.request.body as { amount?: number }).amount }
})

// Here somebody must have said for whom, and how far.
let refunds = 0
const delegated = new Router({ prefix: '/v1' })
delegated.get('/customers/:customer', guard(checks.token, checks.readCustomer), (ctx) => {
  ctx.body = callerOf(ctx.state.agent)
})
delegated.delete('/customers/:customer', guard(checks.token, checks.closeAccount), (ctx) => {
  ctx.body = callerOf(ctx.state.agent)
})
delegated.post('/refunds', guard(checks.token), checks.idempotent.koa(guard), guard(checks.createRefund), (ctx) => {
  ctx.status = 201
  ctx.body = { ...callerOf(ctx.state.agent), refund: ++refunds }
})

const app = new Koa()
app.use(unsigned.routes())
app.use(managedRoutes.routes())
app.use(guard(checks.signature, checks.replay))
app.use(delegated.routes())
app.use(signKoaResponse(createPrivateKey(config.responseKey)))
app.use(bodyParser())
app.use(signed.routes())
app.use((ctx) => {
  if (ctx.path === '/healthz') ctx.body = 'ok'
})
await link.ready()
await serve(app.callback(), config, { ...checks, ...observation })
