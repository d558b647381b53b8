import { once } from 'node:events'
import type { KeySource } from '@countermark/core'
import type { SecondLevel } from '@countermark/outbound'
import {
  createFakeClock,
  createTestEnvironment,
  type FakeClock,
  requireProgram,
  type StartedRedis,
  type StartedRedisCluster,
  startRedis,
  startRedisCluster,
  type TestEnvironment,
} from '@countermark/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { jwks, redisSecondLevel, registry } from '../src/index.ts'
import { json, type KeyServer, registryOf, startKeyServer, text, until } from './key-server.ts'
import { KNOWN, MINUTE, servedKey } from './remote-under-test.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true, random: () => 0 } as const

interface Process {
  readonly source: KeySource
  readonly clock: FakeClock
  readonly environment: TestEnvironment
}

interface OpenStore {
  readonly store: Required<SecondLevel>
  readonly close: () => Promise<unknown>
}

const CLIENTS: Readonly<Record<string, (redis: StartedRedis) => Promise<OpenStore>>> = {
  ioredis: async ({ port }) => {
    const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    client.on('error', () => {})
    return { store: redisSecondLevel(client), close: async () => client.disconnect() }
  },
  'node-redis': async ({ url }) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    return { store: redisSecondLevel(client), close: async () => client.destroy() }
  },
}

const CLUSTER_CLIENTS: Readonly<Record<string, (cluster: StartedRedisCluster) => Promise<OpenStore>>> = {
  ioredis: async ({ urls }) => {
    const client = new Cluster([...urls])
    await once(client, 'ready')
    return { store: redisSecondLevel(client), close: async () => client.disconnect() }
  },
  'node-redis': async ({ urls }) => {
    const client = createCluster({ rootNodes: urls.map((url) => ({ url })) })
    await client.connect()
    return { store: redisSecondLevel(client), close: async () => client.destroy() }
  },
}

const command = requireProgram('redis-server')
if (command !== undefined) describe.each(Object.keys(CLIENTS))('keys shared in Redis by %s', describeSharing)

function describeSharing(name: string): void {
  let redis: StartedRedis
  let probe: Redis
  let server: KeyServer
  let opened: OpenStore
  const sources: KeySource[] = []

  beforeAll(async () => {
    redis = await startRedis({ command: command ?? '' })
    probe = new Redis(redis.port, '127.0.0.1')
  })

  afterAll(async () => {
    probe.disconnect()
    await redis.stop()
  })

  beforeEach(async () => {
    await probe.flushall()
    server = await startKeyServer(registryOf({ id: 'agt_a', keys: [servedKey('k1')] }))
    opened = await (CLIENTS[name] as (typeof CLIENTS)[string])(redis)
  })

  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close?.()
    await opened.close()
    await server.stop()
  })

  /** A process of its own, with a cache of its own. */
  function openProcess(): Process {
    const source = registry(server.url, { ...LOOPBACK, secondLevel: opened.store })
    const clock = createFakeClock()
    sources.push(source)
    return { source, clock, environment: createTestEnvironment({ clock }) }
  }

  async function idsFor({ source, environment }: Process): Promise<readonly string[]> {
    return (await source.findKeys(KNOWN, environment)).map(({ keyId }) => keyId)
  }

  const stored = async (): Promise<number> => (await probe.keys('countermark:keys:*')).length

  it('are fetched by the first process only', async () => {
    expect(await idsFor(openProcess())).toEqual(['k1'])
    await untilAsked(async () => (await stored()) === 1)
    const second = openProcess()
    expect(await idsFor(second)).toEqual(['k1'])
    expect(server.asked).toHaveLength(1)
    expect(second.environment.observer.total('key_second_level_total', { source: 'registry', result: 'hit' })).toBe(1)
  })

  it('are kept for an hour, under keys that tell nothing', async () => {
    await idsFor(openProcess())
    await untilAsked(async () => (await stored()) === 1)
    const [key = ''] = await probe.keys('*')
    expect(key).toMatch(/^countermark:keys:[A-Za-z0-9_-]{43}$/)
    const ttlMs = await probe.pttl(key)
    expect(ttlMs).toBeGreaterThan(3_590_000)
    expect(ttlMs).toBeLessThanOrEqual(3_600_000)
  })

  it('help a process that starts while the registry is down', async () => {
    await idsFor(openProcess())
    await untilAsked(async () => (await stored()) === 1)
    server.answer = text('', {}, 500)
    expect(await idsFor(openProcess())).toEqual(['k1'])
  })

  it('are not mixed up between registries, tenants and sources', async () => {
    await idsFor(openProcess())
    await untilAsked(async () => (await stored()) === 1)
    server.answer = registryOf({ id: 'agt_a', keys: [servedKey('other')] })
    const environment = createTestEnvironment()
    const options = { ...LOOPBACK, secondLevel: opened.store }
    const tenant = registry(`${server.url}?tenant=2`, options)
    const keyed = registry(server.url, { ...options, headers: { authorization: 'Bearer 2' } })
    const named = registry(server.url, { ...options, name: 'second' })
    for (const source of [tenant, keyed, named]) {
      expect((await source.findKeys({ agentId: 'agt_a' }, environment))[0]?.keyId).toBe('other')
    }
  })

  it('are checked like fetched ones, whoever wrote them', async () => {
    await idsFor(openProcess())
    await untilAsked(async () => (await stored()) === 1)
    const [key = ''] = await probe.keys('*')
    const value = JSON.parse((await probe.get(key)) ?? '')
    const forged = { agents: [{ id: 'agt_b', keys: [servedKey('k1')] }] }
    await probe.set(key, JSON.stringify({ ...value, text: JSON.stringify(forged) }))
    const process = openProcess()
    expect(await idsFor(process)).toEqual(['k1'])
    expect(server.asked).toHaveLength(2)
    expect(process.environment.observer.total('key_second_level_total', { result: 'failed' })).toBe(1)
  })

  it('tell a removal to the others within five minutes', async () => {
    const [first, second] = [openProcess(), openProcess()]
    await idsFor(first)
    await untilAsked(async () => (await stored()) === 1)
    await idsFor(second)
    server.answer = registryOf({ id: 'agt_a', keys: [servedKey('k2')] })
    for (const { clock } of [first, second]) clock.advance(5 * MINUTE)
    await idsFor(first)
    await until(() => server.asked.length === 2)
    await untilAsked(async () => (await idsFor(first)).length === 0)
    await idsFor(second)
    await untilAsked(async () => (await idsFor(second)).length === 0)
  })

  it('are asked for anew once they were cleared', async () => {
    await idsFor(openProcess())
    await probe.set('of another', '1')
    await untilAsked(async () => (await stored()) === 1)
    await opened.store.clear()
    expect(await probe.keys('*')).toEqual(['of another'])
    await idsFor(openProcess())
    expect(server.asked).toHaveLength(2)
  })

  it('hold nothing about unknown agents', async () => {
    const { source, environment } = openProcess()
    await source.findKeys({ agentId: 'agt_nobody' }, environment)
    await source.findKeys({ keyId: 'nothing' }, environment)
    expect(await stored()).toBe(0)
  })

  it('are fetched where Redis is down, with nothing but a count', async () => {
    const lost = await startRedis({ command: command ?? '' })
    const away = await (CLIENTS[name] as (typeof CLIENTS)[string])(lost)
    const source = registry(server.url, { ...LOOPBACK, secondLevel: away.store })
    await lost.stop()
    const environment = createTestEnvironment()
    expect(await source.findKeys(KNOWN, environment)).toHaveLength(1)
    expect(environment.observer.total('key_second_level_total', { result: 'failed' })).toBeGreaterThanOrEqual(1)
    await away.close()
  })

  it('are fetched where Redis hangs, after a tenth of a second', async () => {
    const frozen = await startRedis({ command: command ?? '' })
    const away = await (CLIENTS[name] as (typeof CLIENTS)[string])(frozen)
    await away.store.get('x')
    frozen.signal('SIGSTOP')
    const source = registry(server.url, { ...LOOPBACK, secondLevel: away.store })
    const before = performance.now()
    expect(await source.findKeys(KNOWN, createTestEnvironment())).toHaveLength(1)
    expect(performance.now() - before).toBeLessThan(1_000)
    await away.close()
    await frozen.stop()
  })

  it('may be those of a JWK Set', async () => {
    server.answer = json({ keys: [{ ...servedKey('k1').jwk, kid: 'k1' }] })
    const open = (): KeySource => jwks(server.url, { ...LOOPBACK, agent: 'agt_a', secondLevel: opened.store })
    expect(await open().findKeys(KNOWN, createTestEnvironment())).toHaveLength(1)
    await untilAsked(async () => (await stored()) === 1)
    expect(await open().findKeys(KNOWN, createTestEnvironment())).toHaveLength(1)
    expect(server.asked).toHaveLength(1)
  })
}

if (command !== undefined)
  describe.each(Object.keys(CLUSTER_CLIENTS))('keys shared in a cluster by %s', describeCluster)

function describeCluster(name: string): void {
  let cluster: StartedRedisCluster
  let server: KeyServer
  let opened: OpenStore
  let probes: readonly Redis[]

  beforeAll(async () => {
    cluster = await startRedisCluster({ command: command ?? '' })
    server = await startKeyServer(registryOf(...AGENTS.map((id) => ({ id, keys: [servedKey(id)] }))))
    probes = cluster.ports.map((port) => new Redis(port))
    opened = await (CLUSTER_CLIENTS[name] as (typeof CLUSTER_CLIENTS)[string])(cluster)
  }, 60_000)

  afterAll(async () => {
    await opened.close()
    for (const probe of probes) probe.disconnect()
    await server.stop()
    await cluster.stop()
  })

  const AGENTS = ['agt_a', 'agt_b', 'agt_c', 'agt_d', 'agt_e', 'agt_f']

  async function stored(): Promise<number> {
    const keys = await Promise.all(probes.map((probe) => probe.keys('countermark:keys:*')))
    return keys.flat().length
  }

  async function findAll(): Promise<readonly number[]> {
    const source = registry(server.url, { ...LOOPBACK, secondLevel: opened.store })
    const environment = createTestEnvironment()
    const found = await Promise.all(AGENTS.map(async (agentId) => source.findKeys({ agentId }, environment)))
    return found.map((keys) => keys.length)
  }

  it('are fetched once, wherever they lie, until they are cleared', async () => {
    expect(await findAll()).toEqual(AGENTS.map(() => 1))
    await untilAsked(async () => (await stored()) === AGENTS.length)
    expect(await findAll()).toEqual(AGENTS.map(() => 1))
    expect(server.asked).toHaveLength(AGENTS.length)
    await opened.store.clear()
    expect(await findAll()).toEqual(AGENTS.map(() => 1))
    expect(server.asked).toHaveLength(2 * AGENTS.length)
  })
}

describe('redisSecondLevel', () => {
  it('takes a client of ioredis or node-redis, and nothing else', () => {
    expect(() => redisSecondLevel({} as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    const client = { sendCommand: async () => null }
    expect(() => redisSecondLevel(client, { Prefix: 'x' } as never)).toThrow(/prefix/)
  })

  it('reads text out of bytes, and nothing out of anything else', async () => {
    const replies: unknown[] = [Buffer.from('bytes'), 'text', null, 7, undefined]
    const store = redisSecondLevel({ sendCommand: async () => replies.shift() })
    const read = await Promise.all([1, 2, 3, 4, 5].map((key) => store.get(`${key}`)))
    expect(read).toEqual(['bytes', 'text', undefined, undefined, undefined])
  })
})

/** Polls what must be asked for. */
async function untilAsked(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it was not asked for within five seconds')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
