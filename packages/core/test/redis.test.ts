import {
  createFakeClock,
  createTestEnvironment,
  requireProgram,
  type StartedRedis,
  type StartedRedisCluster,
  startRedis,
  startRedisCluster,
} from '@countermark/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster } from 'redis'
import { isMisconfigured } from '../src/index.ts'
import {
  clearKeys,
  createAskRedis,
  createSender,
  type RedisClient,
  requireNoPool,
  requireOneServer,
} from '../src/internal.ts'

const redisServer = requireProgram('redis-server')
if (redisServer !== undefined) describe('a command to Redis', () => sendsCommands(redisServer))

function sendsCommands(command: string): void {
  let server: StartedRedis
  beforeAll(async () => {
    server = await startRedis({ command })
  })
  afterAll(() => server.stop())

  it('goes through ioredis', async () => {
    const client = new Redis(server.url)
    const send = createSender('the test', client)
    await expect(Promise.all([send('SET', 'ioredis', '1'), send('GET', 'ioredis')])).resolves.toEqual(['OK', '1'])
    client.disconnect()
  })

  it('goes through node-redis', async () => {
    const client = createClient({ url: server.url })
    await client.connect()
    const send = createSender('the test', client)
    await expect(Promise.all([send('SET', 'node', '1'), send('GET', 'node')])).resolves.toEqual(['OK', '1'])
    client.destroy()
  })
}

if (redisServer !== undefined) describe('a command to a Redis Cluster', () => sendsToCluster(redisServer))

function sendsToCluster(command: string): void {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `clear:${name}`)
  let servers: StartedRedisCluster
  beforeAll(async () => {
    servers = await startRedisCluster({ command })
  }, 60_000)
  afterAll(() => servers.stop())

  async function setAndClear(client: RedisClient): Promise<void> {
    const send = createSender('the test', client)
    const evaluate = (key: string): Promise<unknown> => send('EVAL', "return redis.call('GET', KEYS[1])", '1', key)
    await Promise.all([...keys, 'kept'].map((key) => send('SET', key, key)))
    expect(await Promise.all(keys.map(evaluate))).toEqual(keys)
    await clearKeys('the test', client, 'clear:')
    expect(await Promise.all([...keys, 'kept'].map(evaluate))).toEqual([...keys.map(() => null), 'kept'])
  }

  it('goes to the server of its key, and clears all of them, through ioredis', async () => {
    const client = new Cluster([...servers.urls])
    await setAndClear(client)
    client.disconnect()
  })

  it('goes to the server of its key, and clears all of them, through node-redis', async () => {
    const client = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) })
    await client.connect()
    await setAndClear(client)
    client.destroy()
  })
}

describe('what is no client of one server', () => {
  const codeOf = (call: () => void): string | undefined => {
    try {
      call()
      return undefined
    } catch (error) {
      return isMisconfigured(error) ? error.code : 'other'
    }
  }
  const cluster = (): RedisClient => new Cluster([{ port: 1 }], { lazyConnect: true })
  const nodeCluster = (): RedisClient => Object.create(createCluster({ rootNodes: [] }))
  const pool = (): RedisClient => createClientPool()

  it('is missing, or something else', () => {
    const { none } = JSON.parse('{}')
    expect(codeOf(() => createSender('the test', none))).toBe('ERR_OPTION_MISSING')
    for (const other of [JSON.parse('{}'), JSON.parse('"redis://localhost"'), JSON.parse('{"call":1}')]) {
      expect(codeOf(() => createSender('the test', other))).toBe('ERR_OPTION_INVALID')
    }
  })

  it('is a cluster, where one server is asked for', () => {
    expect(codeOf(() => requireOneServer('the test', cluster()))).toBe('ERR_OPTION_INVALID')
    expect(codeOf(() => requireOneServer('the test', nodeCluster()))).toBe('ERR_OPTION_INVALID')
    expect(codeOf(() => requireOneServer('the test', pool()))).toBeUndefined()
  })

  it('is a pool, where commands follow each other', () => {
    expect(codeOf(() => requireNoPool('the test', pool()))).toBe('ERR_OPTION_INVALID')
    expect(codeOf(() => requireNoPool('the test', createClient()))).toBeUndefined()
  })
})

describe('a store in Redis', () => {
  const ask = (send: () => Promise<unknown>): ReturnType<typeof createAskRedis> =>
    createAskRedis({ send, deadlineMs: 5, code: 'budget_store_unavailable', dependency: 'budgets' })
  const REFUSED = expect.objectContaining({ code: 'budget_store_unavailable', dependency: 'budgets' })

  it('says so by its own code when Redis fails or does not answer in time', async () => {
    const environment = createTestEnvironment()
    await expect(ask(() => Promise.reject(new Error('gone')))(environment, ['PING'])).rejects.toEqual(REFUSED)
    await expect(ask(() => new Promise(() => undefined))(environment, ['PING'])).rejects.toEqual(REFUSED)
  })

  it('hands on what is answered too late', async () => {
    let answer: (value: string) => void = () => undefined
    const asking = ask(() => new Promise((resolve) => (answer = resolve)))
    const late = new Promise((resolve) => {
      void asking(createTestEnvironment(), ['PING'], resolve).catch(() => answer('PONG'))
    })
    await expect(late).resolves.toBe('PONG')
  })

  it('is asked once a second after five failures, and tells when that begins and ends', async () => {
    const clock = createFakeClock()
    const environment = createTestEnvironment({ clock })
    let asked = 0
    let isDown = true
    const asking = ask(() => {
      asked += 1
      return isDown ? Promise.reject(new Error('gone')) : Promise.resolve('PONG')
    })
    for (let call = 0; call < 10; call++) await expect(asking(environment, ['PING'])).rejects.toEqual(REFUSED)
    expect(asked).toBe(5)
    isDown = false
    clock.advance(1000)
    await expect(asking(environment, ['PING'])).resolves.toBe('PONG')
    await expect(asking(environment, ['PING'])).resolves.toBe('PONG')
    const told = environment.observer.measurements.filter(({ name }) => name === 'degraded')
    expect(told.map(({ value, labels }) => [value, labels?.['dependency']])).toEqual([
      [1, 'budgets'],
      [0, 'budgets'],
    ])
  })
})
