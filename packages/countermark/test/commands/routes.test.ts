import { join } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import { useCommandFolder } from './run-in-folder.ts'

const HEAD = `
const { memoryReplayStore } = require('@countermark/replay')
const { fromFile } = require('@countermark/keys')
const options = {
  origins: ['http://localhost:3000'],
  keys: fromFile('PATH/agents.json'),
  replay: memoryReplayStore({ startedAt: 0 }),
}
`

/** The same application on two frameworks: two guarded routes, one that asks for a scope, and one that was forgotten. */
const EXPRESS = (express: string) => `${HEAD}
const express = require('${express}')
const { countermark } = require('../src/express.ts')
const app = express()
const agents = countermark(options)
app.get('/healthz', (_req, res) => res.end('up'))
app.use('/api', agents, express.json())
const orders = express.Router()
orders.get('/', (_req, res) => { throw new Error('a handler ran') })
orders.post('/refunds', agents.require('refunds:create'), (_req, res) => { throw new Error('a handler ran') })
app.use('/api/orders', orders)
app.get('/forgotten', (_req, res) => res.end('open'))
app.listen(3000)
module.exports = app
`

const KOA = `${HEAD}
const Koa = require('koa')
const { Router } = require('@koa/router')
const { countermark } = require('../src/koa.ts')
const app = new Koa()
const agents = countermark(options)
const open = new Router()
open.get('/healthz', (ctx) => { ctx.body = 'up' })
open.get('/forgotten', (ctx) => { ctx.body = 'open' })
const orders = new Router({ prefix: '/api/orders' })
orders.use(agents)
orders.get('/', () => { throw new Error('a handler ran') })
orders.post('/refunds', agents.require('refunds:create'), () => { throw new Error('a handler ran') })
app.use(open.routes()).use(orders.routes())
module.exports = app
`

describe.each([
  ['Express 5', EXPRESS('express')],
  ['Express 4', EXPRESS('express4')],
  ['Koa', KOA],
])('an application of %s', (_name, source) => {
  const folder = useCommandFolder({ beside: __dirname })

  beforeEach(async () => {
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    const { agents } = JSON.parse(folder.read('agents.json'))
    folder.write('agents.json', JSON.stringify({ agents: [{ ...agents[0], capabilities: ['orders:read'] }] }))
    folder.write('app.cjs', source.replace('PATH', folder.path).replaceAll("'../src/", `'${__dirname}/../../src/`))
  })

  it('shows every route and what guards it', async () => {
    const { code, out } = await folder.run(['routes', 'app.cjs'])
    expect(out).toMatch(/^GET +\/healthz +no guard$/m)
    expect(out).toMatch(/^GET +\/api\/orders\/? +verifySignature \+ preventReplay$/m)
    expect(out).toMatch(/^POST +\/api\/orders\/refunds +verifySignature \+ preventReplay → requireCapability$/m)
    expect(out).toMatch(/^GET +\/forgotten +no guard$/m)
    expect(out).toContain('4 routes, 2 without a guard')
    expect(code).toBe(0)
  })

  it.each([
    ['one was forgotten', ['--allow', '/healthz'], 1],
    ['the others are allowed', ['--allow', '/healthz', '--allow', '/forgotten'], 0],
  ])('exits for CI as it should when %s', async (_case, args, expected) => {
    expect((await folder.run(['routes', 'app.cjs', '--fail-unguarded', ...args])).code).toBe(expected)
  })

  it('says that an agent may, without running the handler', async () => {
    const { code, out, err } = await folder.run(['can-i', 'GET', '/api/orders/', '--app', 'app.cjs'])
    expect(err).toBe('')
    expect(out).toContain('yes: the request reaches the handler')
    expect(code).toBe(0)
  })

  it('says that an agent may not, and why', async () => {
    const { code, out } = await folder.run(['can-i', 'POST', '/api/orders/refunds', '--app', 'app.cjs'])
    expect(out).toContain('no: 403 insufficient_scope')
    expect(code).toBe(1)
  })

  it('decides where the running service holds the audit trail, and records nothing', async () => {
    const held = auditTrail({ sinks: [fileSink({ path: join(folder.path, 'trail.ndjson') })] })
    await held.ready()
    const before = folder.read('trail.ndjson')
    const options = `origins: ['http://localhost:3000'], audit: '${join(folder.path, 'trail.ndjson')}',`
    folder.write('app.cjs', folder.read('app.cjs').replace("origins: ['http://localhost:3000'],", options))
    const refused = await folder.run(['can-i', 'POST', '/api/orders/refunds', '--app', 'app.cjs'])
    const { code, out } = await folder.run(['can-i', 'GET', '/api/orders/', '--app', 'app.cjs'])
    expect([refused.out, out]).toEqual([
      expect.stringContaining('no: 403 insufficient_scope'),
      expect.stringContaining('yes: the request reaches the handler'),
    ])
    expect(code).toBe(0)
    expect(folder.read('trail.ndjson')).toBe(before)
    await held.close()
  })

  it.each([
    ['can-i', ['can-i', 'GET', '/api/orders/', '--app', 'app.cjs']],
    ['routes', ['routes', 'app.cjs']],
  ])('leaves a trail alone that the application opens while it loads: %s', async (_command, args) => {
    const own = `const trail = require('@countermark/audit').auditTrail({ sinks: [require('@countermark/audit').fileSink({ path: '${join(folder.path, 'trail.ndjson')}' })] })
trail.ready()
const options = { recorder: trail,`
    folder.write('app.cjs', folder.read('app.cjs').replace('const options = {', own))
    expect((await folder.run(args)).code).toBe(0)
    expect(() => folder.read('trail.ndjson')).toThrow('ENOENT')
  })

  it('says that there is no such route', async () => {
    const { code, out } = await folder.run(['can-i', 'GET', '/api/nowhere', '--app', 'app.cjs'])
    expect(out).toContain('no: answered with 404')
    expect(code).toBe(1)
  })
})

describe.each([['Express 5', 'express'] as const, ['Express 4', 'express4'] as const])(
  'an application of %s that is mounted in another',
  (_name, express) => {
    const folder = useCommandFolder({ beside: __dirname })

    it('is not run by can-i, which says that it cannot look into it', async () => {
      await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
      folder.write(
        'app.cjs',
        `const express = require('${express}')
const app = express()
const inner = express()
inner.post('/refunds', (_req, res) => { require('node:fs').writeFileSync('${join(folder.path, 'ran')}', ''); res.end() })
app.use('/api', inner)
module.exports = app`,
      )
      const { code, err } = await folder.run(['can-i', 'POST', '/api/refunds', '--app', 'app.cjs'])
      expect(() => folder.read('ran')).toThrow('ENOENT')
      expect(err).toContain('/api/refunds belongs to an application that is mounted in this one')
      expect(code).toBe(2)
    })
  },
)

describe('countermark routes', () => {
  const folder = useCommandFolder()

  it.each([
    ['is missing', '', 'cannot be loaded'],
    ['exports something else', 'module.exports = 7', 'exports no Express or Koa application'],
    ['fails', 'throw new Error("no database")', 'no database'],
  ])('exits with 2 when the module %s', async (_case, source, sentence) => {
    if (source !== '') folder.write('app.cjs', source)
    const { code, err } = await folder.run(['routes', 'app.cjs'])
    expect(err).toContain(sentence)
    expect(code).toBe(2)
  })
})
