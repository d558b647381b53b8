import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashApiKey } from '@countermark/api-keys'
import { signApprovalTicket } from '@countermark/capability'
import { assessRisk } from '@countermark/risk'
import {
  createTempFolder,
  createTestAgent,
  type StartedServer,
  startServer,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import type { CountermarkOptions } from '../src/countermark-options.ts'
import * as forExpress from '../src/express.ts'
import * as forKoa from '../src/koa.ts'

type Options = Omit<CountermarkOptions, 'origins' | 'keys'>
type Handler = Extract<Parameters<typeof startServer>[0], (...given: never[]) => unknown>
type Serve = (options: CountermarkOptions) => Handler

const SERVERS: readonly (readonly [string, Serve])[] = [
  [
    'Express',
    (options) => {
      const app = express()
      const agents = forExpress.countermark(options)
      app.use(agents)
      app.post('/refunds', agents.require('refunds:create'), (req, res) => void res.json(req.agent?.risk))
      app.use((req, res) => void res.json(req.agent?.risk))
      return app
    },
  ],
  [
    'Koa',
    (options) => {
      const app = new Koa()
      const agents = forKoa.countermark(options)
      const requireRefunds = agents.require('refunds:create')
      app.use(agents)
      app.use((ctx, next) => (ctx.path === '/refunds' ? requireRefunds(ctx, next) : next()))
      app.use((ctx) => {
        ctx.body = ctx.state.agent?.risk
      })
      return app.callback()
    },
  ],
]

const REVIEW = { by: 'rita', why: 'looked at it' } as const
const APPROVER = 'https://approvals.example.com'
const human = generateKeyPairSync('ed25519')

describe.each(SERVERS)('the option risk, for %s', (_name, serve) => {
  let folder: TempFolder
  let agent: TestAgent
  let server: StartedServer | undefined

  beforeEach(async () => {
    folder = await createTempFolder()
    agent = await createTestAgent({ agentId: 'agt_7f2k9x' })
  })

  afterEach(async () => {
    await server?.close()
    await folder.remove()
  })

  async function start(options: Options): Promise<string> {
    let handler: Handler | undefined
    const started: StartedServer = await startServer((req, res) => {
      const keys = forExpress.staticKeys([
        { agentId: agent.agentId, key: agent.publicJwk, record: { capabilities: ['refunds:create'] } },
        { agentId: APPROVER, keyId: 'approver-1', key: human.publicKey },
      ])
      handler ??= serve({ origins: [started.origin], keys, ...options })
      return handler(req, res)
    })
    server = started
    // The replay store begins before the first request is signed.
    await fetch(started.origin)
    return started.origin
  }

  async function send(path: string, more: { readonly method?: string; readonly ticket?: string } = {}) {
    const { method = 'POST', ticket } = more
    const signed = await agent.signRequest({ method, url: `${server?.origin}${path}` })
    const headers = { ...signed.headers, ...(ticket === undefined ? {} : { 'Approval-Ticket': ticket }) }
    const answer = await fetch(signed.url, { method, headers })
    const body: { readonly approval_digest?: string } = JSON.parse(await answer.text())
    return { status: answer.status, body }
  }

  function ticketFor(digest: unknown, audience: string): string {
    const issuedAt = Math.floor(Date.now() / 1000)
    const ticket = {
      issuer: APPROVER,
      audience,
      agentId: agent.agentId,
      digest: String(digest),
      ticketId: randomUUID(),
    }
    const signing = { key: human.privateKey, keyId: 'approver-1' }
    return signApprovalTicket({ ...ticket, issuedAt, expiresAt: issuedAt + 60 }, signing)
  }

  it('hears which scopes a route uses, and counts a request once', async () => {
    const risk = assessRisk({ policy: { honeyScopes: ['refunds:create'], limits: { requestsPerMinute: 3 } } })
    await start({ risk })
    expect((await send('/orders')).body).toMatchObject({ score: 0 })
    expect(await send('/refunds')).toMatchObject({ status: 403, body: { code: 'risk_blocked' } })
    expect(JSON.stringify(await risk.find('agt_7f2k9x'))).toMatch(/honey_scope/)
    expect(JSON.stringify(await risk.find('agt_7f2k9x'))).not.toMatch(/request_limit/)
  })

  it('asks a person at the level approval, takes the ticket once, and lets the agent read', async () => {
    const approvals = { issuer: APPROVER, audience: 'shop', url: `${APPROVER}/requests` }
    const keys = forExpress.staticKeys([{ agentId: APPROVER, keyId: 'approver-1', key: human.publicKey }])
    const policy = { honeyScopes: ['refunds:create'], levels: [30, 50, 60, 100] } as const
    await start({ risk: { policy }, capabilities: { approvals: { ...approvals, keys } } })
    expect(await send('/refunds')).toMatchObject({ status: 403, body: { code: 'approval_required' } })
    const asked = await send('/orders')
    expect(asked).toMatchObject({ status: 403, body: { code: 'approval_required' } })
    const ticket = ticketFor(asked.body.approval_digest, 'shop')
    const again = ticketFor(asked.body.approval_digest, 'shop')
    const answers = [
      await send('/orders', { ticket }),
      await send('/orders', { ticket }),
      await send('/orders', { ticket: again }),
      await send('/orders', { method: 'GET' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 200, 200])
  })

  it('records each change of level, and each decision of a person, with who and why', async () => {
    const audit = join(folder.path, 'audit.ndjson')
    const risk = assessRisk()
    const trail = forExpress.auditTrail({ sinks: [forExpress.fileSink({ path: audit })] })
    await start({ risk, recorder: trail })
    await send('/orders')
    await risk.review('agt_7f2k9x', { action: 'raise', level: 'block', ...REVIEW })
    expect(await send('/orders')).toMatchObject({ status: 403, body: { code: 'risk_blocked' } })
    await risk.review('agt_7f2k9x', { action: 'expect', factor: 3, forSeconds: 60, ...REVIEW })
    await send('/orders')
    await trail.close()
    const events = readFileSync(audit, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"type":"event"'))
    expect(events.join('\n')).toMatch(/"event":"risk_level_changed"/)
    expect(events.filter((line) => line.includes('risk_reviewed'))).toHaveLength(2)
    expect(events.join('\n')).toMatch(/"by":"rita"[\s\S]*"why":"looked at it"/)
  })

  it('assesses callers with API keys apart from the agent that signs', async () => {
    const risk = assessRisk({ policy: { limits: { requestsPerMinute: 2 } } })
    const lookup = (sha256: string) => (sha256 === hashApiKey('secret') ? { sha256, agent: 'agt_7f2k9x' } : undefined)
    const origin = await start({ risk, apiKeys: { lookup } })
    const answers = []
    for (let round = 0; round < 6; round++) {
      answers.push((await fetch(`${origin}/orders`, { headers: { 'X-API-Key': 'secret' } })).status)
    }
    expect(answers).toContain(429)
    expect(await risk.find('api-key:agt_7f2k9x')).toMatchObject({ level: 'throttle' })
    expect(await risk.find('agt_7f2k9x')).toBeUndefined()
    expect((await send('/orders')).status).toBe(200)
  })
})
