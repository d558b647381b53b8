import {
  createTestAgent,
  findFreePort,
  rawRequest,
  requirePostgres,
  requireProgram,
  sendRaw,
  startPostgres,
  startRedis,
} from '@countermark/testing'
import { fromAuthority } from '../../../src/express.ts'
import { type Running, useCommandFolder } from '../run-in-folder.ts'

const postgres = requirePostgres()
const redisServer = requireProgram('redis-server')
const describeBoth = postgres === undefined || redisServer === undefined ? describe.skip : describe
const running: Running[] = []
afterEach(() => Promise.all(running.splice(0).map((each) => each.end())))
const folder = useCommandFolder()

const PATIENCE_MS = 20_000

/** @throws Error when it does not become so in time */
async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!isSo()) {
    if (performance.now() > end) throw new Error('it did not become so')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describeBoth('two processes of one authority, on PostgreSQL and Redis', () => {
  let database: Awaited<ReturnType<typeof startPostgres>>
  let redis: Awaited<ReturnType<typeof startRedis>>
  beforeAll(async () => {
    ;[database, redis] = await Promise.all([startPostgres(postgres ?? ''), startRedis({ command: redisServer ?? '' })])
  }, 60_000)
  afterAll(() => Promise.all([database.stop(), redis.stop()]))

  const ORIGIN = 'http://authority.test'

  async function start(): Promise<number> {
    const port = await findFreePort()
    const process = folder.start(['authority'], {
      ...{ COUNTERMARK_LISTEN: `127.0.0.1:${port}`, COUNTERMARK_ORIGINS: ORIGIN, COUNTERMARK_DOOR_TOKENS: 'a-door' },
      ...{
        COUNTERMARK_STORAGE: database.url.replace('@', ':a-secret@'),
        COUNTERMARK_REDIS: `redis://127.0.0.1:${redis.port}`,
      },
      ...{ COUNTERMARK_ADMINISTRATORS: 'agent:agt_ops', COUNTERMARK_ADMINISTRATOR_KEYS: 'administrators.json' },
      ...{
        COUNTERMARK_SEALING_KEYS: Buffer.alloc(32, 7).toString('base64'),
        COUNTERMARK_AUDIT: `audit-${port}.ndjson`,
      },
    })
    running.push(process)
    expect(await process.says(/^metrics /m)).not.toContain('a-secret')
    return port
  }

  it('take a signature once, tell all doors of a stop, and end one after the other', async () => {
    const ops = await createTestAgent({ agentId: 'agt_ops' })
    const entry = { id: 'agt_ops', keys: [{ id: ops.keyId, jwk: ops.publicJwk }] }
    folder.write('administrators.json', JSON.stringify({ agents: [entry] }))
    const [first, second] = [await start(), await start()]
    const signed = async (target: string, body: object) => {
      const headers = { 'Content-Type': 'application/json' }
      return ops.signRequest({ method: 'POST', url: ORIGIN, target, headers, body: JSON.stringify(body) })
    }
    const tenant = await signed('/tenants', { id: 'acme', name: 'Acme' })
    expect((await sendRaw(first, rawRequest(tenant))).status).toBe(201)
    const copy = await sendRaw(second, rawRequest(tenant))
    expect({ status: copy.status, code: JSON.parse(copy.text).code }).toEqual({ status: 401, code: 'replay_detected' })
    const link = fromAuthority(`http://127.0.0.1:${second}`, {
      ...{ door: 'shop', token: 'a-door', allowHttp: true, allowPrivateAddresses: true },
    })
    await link.ready()
    const order = async (target: string, body: object) =>
      (await sendRaw(first, rawRequest(await signed(target, body)))).status
    const jane = { id: 'jane', name: 'Jane', ceiling: [] }
    const agent = { id: 'agt_a', tenant: 'acme', name: 'A', purpose: 'p', owners: ['jane'] }
    const stop = { target: { kind: 'agent', agent: 'agt_a' }, reason: 'test' }
    expect(await order('/tenants/acme/people', jane)).toBe(201)
    expect(await order('/agents', agent)).toBe(201)
    const before = link.state().seq
    expect(await order('/stops', stop)).toBeLessThan(300)
    await until(() => link.state().seq > before)
    await running[0]?.end()
    expect((await fetch(`http://127.0.0.1:${second}/readyz`)).status).toBe(200)
    link.close()
  }, 60_000)
})
