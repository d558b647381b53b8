import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGuard as createExpressGuard } from '@countermark/express'
import { staticKeys } from '@countermark/keys'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { preventReplay, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express from 'express'
import { Redis } from 'ioredis'
import Koa from 'koa'

// One of several processes that share a Redis: REDIS_URL, PUBLIC_JWK and FRAMEWORK come from the environment.

const key = JSON.parse(process.env['PUBLIC_JWK'] ?? '')
// The deadline is generous: what counts here is who wins, not how fast two cores answer 200 requests at once.
const store = redisReplayStore({ client: new Redis(process.env['REDIS_URL'] ?? ''), deadlineMs: 10_000 })
const checks = [
  verifySignature({ keys: staticKeys([{ agentId: 'agt_buyer', keyId: key.kid, key }]) }),
  preventReplay({ store }),
] as const
const options = { origins: ['api.example.com'] }

function expressListener(): RequestListener {
  const app = express()
  app.use(createExpressGuard(options)(...checks))
  app.use((_req, res) => void res.json({ code: 'accepted' }))
  return app
}

function koaListener(): RequestListener {
  const app = new Koa()
  app.use(createKoaGuard(options)(...checks))
  app.use((ctx) => {
    ctx.body = { code: 'accepted' }
  })
  return app.callback()
}

const server = createServer(process.env['FRAMEWORK'] === 'koa' ? koaListener() : expressListener())
await store.ready()
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`PORT ${(server.address() as AddressInfo).port}\n`)
})
