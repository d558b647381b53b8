import { randomUUID } from 'node:crypto'
import { requireProgram, type StartedRedisCluster, startRedisCluster } from '@countermark/testing'
import { Redis } from 'ioredis'
import { type RedisReplayStore, type RedisReplayStoreOptions, redisReplayStore } from '../src/index.ts'
import { describeReplayStore } from './describe-replay-store.ts'
import { createFakeClock, createFakeEnvironment } from './fake-environment.ts'
import { createClaim, createGuarded, expectNoReplay, type Guarded } from './guarded-store.ts'
import { CLUSTER_CLIENTS, type OpenedClient } from './redis-clients.ts'

const redisServer = requireProgram('redis-server')
if (redisServer !== undefined) {
  for (const library of ['ioredis', 'node-redis'] as const) {
    describe(`redisReplayStore in a cluster, with ${library}`, () => storesInCluster(redisServer, library))
  }
}

function storesInCluster(command: string, library: keyof typeof CLUSTER_CLIENTS): void {
  let cluster: StartedRedisCluster
  let opened: OpenedClient
  let servers: readonly Redis[]
  let stores: RedisReplayStore[]

  beforeAll(async () => {
    cluster = await startRedisCluster({ command })
    servers = cluster.ports.map((port) => new Redis(port, { retryStrategy: () => 20, maxRetriesPerRequest: null }))
    for (const server of servers) server.on('error', () => undefined)
    opened = await CLUSTER_CLIENTS[library](cluster.urls)
  }, 60_000)

  beforeEach(() => {
    stores = []
  })

  afterEach(() => {
    for (const store of stores) store.close()
  })

  afterAll(async () => {
    opened.close()
    for (const server of servers) server.disconnect()
    await cluster.stop()
  })

  const open = async (options: Partial<RedisReplayStoreOptions> = {}): Promise<RedisReplayStore> => {
    const { client } = opened
    const store = redisReplayStore({ client, prefix: `${randomUUID()}:`, deadlineMs: 2000, ...options })
    stores.push(store)
    await store.ready()
    return store
  }

  const guard = async (prefix: string): Promise<Guarded> => {
    const clock = createFakeClock()
    const store = await open({ clock, prefix, fence: 'strict' })
    clock.advance(40_000)
    return createGuarded(store, clock)
  }

  describeReplayStore(`${library} cluster`, open)

  it('spreads claims over all servers', async () => {
    const { accept } = await guard('spread:')
    await accept(200)
    const counts = await Promise.all(servers.map((server) => server.keys('spread:*')))
    expect(counts.map((keys) => keys.length > 30)).toEqual([true, true, true])
  })

  it('shares claims and nonces between processes', async () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const [one, two] = [await open({ clock, prefix: 'shared:' }), await open({ clock, prefix: 'shared:' })]
    const claim = { ...createClaim(clock, -60), nonce: one.issueNonce(environment) }
    expect(await two.claim(claim, environment)).toBe('claimed')
    expect(await one.claim(claim, environment)).toBe('replayed')
  })

  it.each([0, 1, 2])('accepts no replay after server %i is restarted empty', async (index) => {
    const prefix = `restart ${index}:`
    const [one, two] = [await guard(prefix), await guard(prefix)]
    const accepted = await one.accept(100)
    await cluster.restart(index)
    await expectNoReplay(two, accepted)
    await one.recover()
    await two.recover()
    await expectNoReplay(one, accepted)
    await expectNoReplay(createGuarded(await open({ clock: one.clock, prefix }), one.clock), accepted)
    expect(fences(one)).toEqual(['server_changed'])
  })

  it('accepts no replay after one server is flushed', async () => {
    const guarded = await guard('flushed:')
    const accepted = await guarded.accept(100)
    await servers[1]?.flushall()
    await expectNoReplay(guarded, accepted)
    await guarded.recover()
    expect(fences(guarded)).toEqual(['epoch_lost'])
  })

  it('accepts no replay after a slot is moved without its keys', async () => {
    const guarded = await guard('moved:')
    const accepted = await guarded.accept(100)
    await moveSlot('moved:{ma}')
    await expectNoReplay(guarded, accepted)
    await guarded.recover()
    expect(fences(guarded)).toEqual(['server_changed'])
  })

  it('accepts a nonce that was issued after the last loss only', async () => {
    const guarded = await guard('nonce:')
    const { clock, environment, store, present } = guarded
    const old = store.issueNonce(environment)
    await servers[2]?.flushall()
    clock.advance(1000)
    await store.ready()
    expect(await present({ ...createClaim(clock, -60), nonce: old })).toBe('unproven')
    expect(await present({ ...createClaim(clock, -60), nonce: store.issueNonce(environment) })).toBe('claimed')
  })

  it('says at start what the user needs', async () => {
    await Promise.all(
      servers.map((server) => server.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all', '-info')),
    )
    const user = { username: 'app', password: 'pw' }
    const { client, close } = await CLUSTER_CLIENTS[library](cluster.urls, user)
    await expect(open({ client })).rejects.toMatchObject({
      code: 'ERR_REPLAY_STORE_UNSAFE',
      message: expect.stringContaining('+eval +get +set +pexpire +info +time'),
    })
    close()
  })

  /** Gives the slot of a key to another server, as an operator does who gives the keys up. */
  async function moveSlot(key: string): Promise<void> {
    const [first] = servers
    const slot = Number(await first?.call('CLUSTER', 'KEYSLOT', key))
    const from = Math.floor(slot / Math.ceil(16_384 / servers.length))
    const target = servers[(from + 1) % servers.length]
    const node = String(await target?.call('CLUSTER', 'MYID'))
    const keys: unknown = await servers[from]?.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)
    for (const name of Array.isArray(keys) ? keys : []) await servers[from]?.del(String(name))
    for (const server of [target, ...servers]) await server?.call('CLUSTER', 'SETSLOT', slot, 'NODE', node)
  }
}

function fences({ environment }: Guarded): readonly unknown[] {
  const counted = environment.measurements.filter(({ name }) => name === 'replay_fences_total')
  return counted.map(({ labels }) => labels?.['reason'])
}
