import { createPrivateKey } from 'node:crypto'
import { createGuard } from '@countermark/koa'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { readBackendConfig } from './backend-config.ts'
import { createChecks } from './checks.ts'
import { signKoaResponse } from './sign-koa-response.ts'

const config = readBackendConfig()
const [signature, replay] = createChecks(config)
const guard = createGuard({ authorities: config.origins, open: { paths: ['/healthz'] } })

const router = new Router({ prefix: '/v1' })
router.get('/invoices/:id', (ctx) => {
  ctx.body = { agent: ctx.state.agent?.id, invoice: ctx.params['id'] }
})
router.post('/invoices', (ctx) => {
  ctx.status = 201
  ctx.body = { agent: ctx.state.agent?.id, amount: (ctx.request.body as { amount?: number }).amount }
})

const app = new Koa()
app.use(guard(signature, replay))
app.use(signKoaResponse(createPrivateKey(config.responseKey)))
app.use(bodyParser())
app.use(router.routes())
app.use((ctx) => {
  if (ctx.path === '/healthz') ctx.body = 'ok'
})
app.listen(config.port, '127.0.0.1', () => process.send?.('ready'))
