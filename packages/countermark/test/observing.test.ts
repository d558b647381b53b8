import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempFolder, createTestAgent, startServer } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { Registry } from 'prom-client'
import * as forExpress from '../src/express.ts'
import * as forKoa from '../src/koa.ts'

type Serve = (options: {
  audit: string
  register: Registry
  origin: () => string
  keys: ReturnType<typeof forExpress.staticKeys>
}) => Parameters<typeof startServer>[0]

const SERVERS: readonly (readonly [string, Serve])[] = [
  [
    'Express',
    ({ audit, register, origin, keys }) => {
      const app = express()
      app.use((req, res, next) => mountOnce(app, req, res, next))
      let mounted: express.RequestHandler | undefined
      function mountOnce(_app: unknown, req: express.Request, res: express.Response, next: express.NextFunction) {
        mounted ??= forExpress.countermark({ origins: [origin()], keys, audit, metrics: { register } })
        mounted(req, res, next)
      }
      app.post('/orders', (req, res) => void res.json({ by: req.agent?.id }))
      return app
    },
  ],
  [
    'Koa',
    ({ audit, register, origin, keys }) => {
      const app = new Koa()
      let mounted: Koa.Middleware | undefined
      app.use((ctx, next) => {
        mounted ??= forKoa.countermark({ origins: [origin()], keys, audit, metrics: { register } })
        return mounted(ctx, next)
      })
      app.use((ctx) => {
        ctx.body = { by: ctx.state.agent?.id }
      })
      return app.callback()
    },
  ],
]

describe.each(SERVERS)('countermark for %s, with one option for each', (_name, serve) => {
  it('counts decisions and records them', async () => {
    const folder = await createTempFolder()
    const audit = join(folder.path, 'audit.ndjson')
    const register = new Registry()
    const agent = await createTestAgent({ agentId: 'agt_7f2k9x' })
    const keys = forExpress.staticKeys([{ agentId: agent.agentId, key: agent.publicJwk }])
    const server = await startServer(serve({ audit, register, origin: () => server.origin, keys }))
    const { headers, url } = await agent.signRequest({ method: 'POST', url: `${server.origin}/orders` })
    const answer = await fetch(url, { method: 'POST', headers: { ...headers } })
    const refused = await fetch(url, { method: 'POST' })
    expect([answer.status, refused.status]).toEqual([200, 401])
    await server.close()
    const metrics = await register.metrics()
    expect(metrics).toMatch(/decisions_total\{[^}]*outcome="allow"[^}]*\} 1/)
    expect(metrics).toMatch(/decisions_total\{[^}]*code="credentials_missing"[^}]*\} 1/)
    expect(readFileSync(audit, 'utf8')).toContain('"decision":"allow"')
    await folder.remove()
  })
})
