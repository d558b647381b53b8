import {
  createFakeClock,
  createTestEnvironment,
  requireProgram,
  type StartedRedis,
  startRedis,
} from '@countermark/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster } from 'redis'
import { isMisconfigured } from '../src/index.ts'
import { createAskRedis, createSender, type RedisClient, requireOneConnection, requireOneServer } from '../src/redis.ts'

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

  it('is a cluster or a pool, where one connection is asked for', () => {
    for (const open of [cluster, nodeCluster, pool]) {
      expect(codeOf(() => requireOneConnection('the test', open()))).toBe('ERR_OPTION_INVALID')
    }
    expect(codeOf(() => requireOneConnection('the test', createClient()))).toBeUndefined()
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
