import { join } from 'node:path'
import { type AuditTrail, auditTrail } from '@countermark/audit'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { startServer } from '@countermark/testing'
import express, { type Express } from 'express'
import { countermark, fileSink } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

type Options = Partial<Parameters<typeof countermark>[0]>
type Agents = ReturnType<typeof countermark>

/** How the service is built, and what agents call it. */
interface Service {
  readonly options?: (origin: string) => Options
  readonly mount?: (app: Express, agents: Agents, another: () => Agents) => void
}

const folder = useCommandFolder()
let close: (() => Promise<void>) | undefined
let trail: AuditTrail | undefined

afterEach(async () => {
  await close?.()
  await trail?.close()
  close = undefined
  trail = undefined
})

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
  process.stderr.write(out)
  const id = /"request_id":"([^"]+)"/.exec(out)?.[1] ?? 'none'
  await trail?.close()
  return (await folder.run(['explain', id, '--trail', 'audit.ndjson'])).out
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
    const fields = JSON.parse(out).headers.map(([name, value]: readonly string[]) => `${name}: ${value}\r\n`)
    folder.write('saved.http', `GET /orders HTTP/1.1\r\nHost: localhost:3000\r\n${fields.join('')}\r\n`)
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

  it('a guard that is mounted twice', async () => {
    const origin = await start({ mount: (app, agents, another) => void app.use(agents, another()) })
    const out = await explained([`${origin}/orders`])
    expect(out).toContain('replay_detected')
    expect(out).toContain('mounted')
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
})
