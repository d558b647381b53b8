import { join } from 'node:path'
import { type AuditTrail, auditTrail } from '@countermark/audit'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { requireProgram, startRedis, startServer } from '@countermark/testing'
import express, { type Express } from 'express'
import { Redis } from 'ioredis'
import { AUDIENCE, createTestIssuer } from '../../../delegation/test/token-issuer.ts'
import { countermark, fileSink } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

type Options = Partial<Parameters<typeof countermark>[0]>
type Agents = ReturnType<typeof countermark>

/** How the service is built, and what agents call it. */
interface Service {
  readonly options?: (origin: string) => Options
  readonly mount?: (app: Express, agents: Agents, another: () => Agents) => void
}

const redisServer = requireProgram('redis-server')
const withRedis = redisServer === undefined ? describe.skip : describe
let close: (() => Promise<void>) | undefined
let trail: AuditTrail | undefined

// Before the folder goes, which is taken away by what was asked for it.
afterEach(async () => {
  const stop = [close, trail?.close]
  close = undefined
  trail = undefined
  for (const each of stop) await each?.()
})

const folder = useCommandFolder()
const besideExpress = useCommandFolder({ beside: __dirname })

/** A service with one mistake in it: its origin. */
async function start({
  options = () => ({}),
  mount = (app, agents) => void app.use(agents),
}: Service): Promise<string> {
  await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
  const app = express()
  const { origin, ...server } = await startServer(app)
  close = server.close
  trail = auditTrail({ sinks: [fileSink({ path: join(folder.path, 'audit.ndjson') })] })
  const recorder = trail
  const replay = memoryReplayStore({ startedAt: 0, allowSingleProcess: true })
  const make = () =>
    countermark({
      origins: [origin],
      keys: fromFile(join(folder.path, 'agents.json')),
      replay,
      recorder,
      onRefusal: () => undefined,
      ...options(origin),
    })
  mount(app, make(), make)
  app.get('/orders', (_req, res) => void res.json([]))
  app.post('/orders', (_req, res) => void res.sendStatus(201))
  return origin
}

/** What `explain` says of the refusal that an agent got, by nothing but the id in the answer. */
async function explained(args: readonly string[]): Promise<string> {
  const { out } = await folder.run(['curl', ...args])
  const id = /"request_id":"([^"]+)"/.exec(out)?.[1] ?? 'none'
  await trail?.close()
  trail = undefined
  return (await folder.run(['explain', id, '--trail', 'audit.ndjson'])).out
}

/** Writes down a request as it arrived, by what `sign --json-output` says; its path without `/api`. */
function save(signed: string): void {
  const fields = JSON.parse(signed).headers.map(([name, value]: readonly string[]) => `${name}: ${value}\r\n`)
  folder.write('saved.http', `GET /orders HTTP/1.1\r\nHost: localhost:3000\r\n${fields.join('')}\r\n`)
}

const ORDER = ['--json', '{"item":"kettle"}']

describe('a new user finds with explain alone', () => {
  it('a host that the service does not know itself by', async () => {
    const origin = await start({ options: () => ({ origins: ['https://shop.example.com'] }) })
    const out = await explained([`${origin}/orders`])
    expect(out).toContain('authority_mismatch')
    expect(out).toContain('origins')
  })

  it('another key than the one that is registered', async () => {
    const origin = await start({})
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'others.json', '--out', 'other.pem'])
    const out = await explained([`${origin}/orders`, '--key', 'other.pem', '--agent', 'agt_7f2k9x'])
    expect(out).toContain('key_unknown')
    expect(out).toContain('Compare agent id and key id with what is registered')
  })

  it('a key that signs under the id of another', async () => {
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    const [registered] = JSON.parse(folder.read('agents.json')).agents
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'others.json', '--out', 'other.pem'])
    const signing = ['--key', 'other.pem', '--agent', 'agt_7f2k9x', '--key-id', registered.keys[0].id]
    const { out } = await folder.run(['sign', 'http://localhost:3000/orders', ...signing, '--json-output'])
    save(out)
    expect((await folder.run(['explain', '-r', 'saved.http'])).out).toContain(
      'no registered key of agt_7f2k9x verifies',
    )
    const [other] = JSON.parse(folder.read('others.json')).agents
    folder.write(
      'agents.json',
      JSON.stringify({ agents: [{ ...registered, keys: [...registered.keys, ...other.keys] }] }),
    )
    expect((await folder.run(['explain', '-r', 'saved.http'])).out).toContain(
      `another key of this agent verifies the signature: ${other.keys[0].id}`,
    )
  })

  it('a clock that is wrong', async () => {
    const behind = { wallMs: () => Date.now() + 600_000, monotonicMs: () => performance.now() }
    const origin = await start({ options: () => ({ clock: behind }) })
    const out = await explained([`${origin}/orders`])
    expect(out).toContain('signature_expired')
    expect(out).toMatch(/clock|NTP/)
  })

  it('a parser in front of the guard', async () => {
    const origin = await start({ mount: (app, agents) => void app.use(express.json(), agents) })
    const out = await explained([`${origin}/orders`, ...ORDER])
    expect(out).toContain('config_error')
    expect(out).toContain('parser')
  })

  it('a scope that is missing', async () => {
    const origin = await start({ mount: (app, agents) => void app.use(agents, agents.require('orders:read')) })
    const out = await explained([`${origin}/orders`])
    expect(out).toContain('insufficient_scope')
    expect(out).toContain('orders:read')
  })

  it('a token that has expired', async () => {
    const issuer = await createTestIssuer()
    const token = await issuer.mint({ client_id: 'agt_7f2k9x', act: { sub: 'agt_7f2k9x' } })
    const delegation = { issuers: [issuer.options()], audience: AUDIENCE }
    const origin = await start({ options: () => ({ delegation }) })
    const out = await explained([`${origin}/orders`, '--token', token])
    expect(out).toContain('token_expired')
    expect(out).toMatch(/fresh|new token|renew/i)
  })

  it('a path that a proxy wrote anew', async () => {
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    save((await folder.run(['sign', 'http://localhost:3000/api/orders', '--json-output'])).out)
    const { out } = await folder.run(['explain', '-r', 'saved.http'])
    expect(out).toContain('a proxy took /api off the path')
    expect(out).toContain('strippedPrefix')
  })
})

describe('a new user need not find', () => {
  it('a guard that is mounted twice: it claims once', async () => {
    const origin = await start({ mount: (app, agents, another) => void app.use(agents, another()) })
    expect((await folder.run(['curl', `${origin}/orders`])).out.trim()).toBe('[]')
  })
})

describe('a new user finds with routes alone', () => {
  it('a route without a guard', async () => {
    const app = "const app = require('express')()\napp.get('/orders', (_req, res) => res.end())\nmodule.exports = app\n"
    besideExpress.write('app.cjs', app)
    const { code, out } = await besideExpress.run(['routes', 'app.cjs', '--fail-unguarded'])
    expect(out).toMatch(/^GET +\/orders +no guard$/m)
    expect(code).toBe(1)
  })
})

withRedis('a new user finds with doctor alone', () => {
  it('what the user of Redis may not', async () => {
    const redis = await startRedis({ command: redisServer ?? '', arguments: [] })
    const admin = new Redis(redis.url)
    await admin.call('ACL', 'SETUSER', 'shop', 'on', '>pw', '~*', '+ping', '+get', '+info', '+client')
    admin.disconnect()
    const { code, out } = await folder.run(['doctor', '--redis', redis.url.replace('://', '://shop:pw@')])
    expect(out).toContain('this user may not: SET, EVAL, DEL')
    expect(code).toBe(1)
    await redis.stop()
  })
})
