import { createHash, randomUUID } from 'node:crypto'
import { isMisconfigured, type ReplayClaim } from '@countermark/core'
import { Redis } from 'ioredis'
import { createClientPool } from 'redis'
import { type RedisReplayStore, type RedisReplayStoreOptions, redisReplayStore } from '../src/index.ts'
import { describeReplayStore } from './describe-replay-store.ts'
import { createFakeClock, createFakeEnvironment, NOON_MS } from './fake-environment.ts'
import { CLIENTS, type OpenedClient } from './redis-clients.ts'
import { describeWithRedis, type RedisServer, startRedis } from './redis-server.ts'

const NOON = NOON_MS / 1000

function aClaim(changes: Partial<ReplayClaim> = {}): ReplayClaim {
  const id = createHash('sha256').update('a claim').digest()
  return { id, thumbprint: 'a key', created: NOON, acceptUntil: NOON + 300, nonce: undefined, ...changes }
}

describeWithRedis('redisReplayStore', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis()
  })

  afterAll(() => server.stop())

  it('works for a user without @dangerous, and begins anew after each lost connection', async () => {
    await server.admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all', '-@dangerous')
    const client = new Redis(server.port, { username: 'app', password: 'pw', enableReadyCheck: false })
    client.on('error', () => undefined)
    const emitWarning = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const store = redisReplayStore({ client, clock, prefix: 'acl:', deadlineMs: 2000, startedAt: NOON - 60 })
    await store.ready()
    const once = [await store.claim(aClaim(), environment), await store.claim(aClaim(), environment)]
    expect(once).toEqual(['claimed', 'replayed'])
    expect(emitWarning.mock.calls.map(([warning]) => String(warning)).join()).toContain('ACL +info')
    clock.advance(10)
    const reconnected = new Promise<void>((resolve) => client.once('ready', () => resolve()))
    await server.admin.call('CLIENT', 'KILL', 'USER', 'app')
    await reconnected
    const other = aClaim({ id: createHash('sha256').update('another').digest() })
    expect(await store.claim(other, environment)).toBe('unproven')
    emitWarning.mockRestore()
    store.close?.()
    client.disconnect()
  })

  for (const [library, openClient] of Object.entries(CLIENTS)) {
    describe(`with ${library}`, () => {
      let opened: OpenedClient
      let stores: RedisReplayStore[]

      const open = (options: Partial<RedisReplayStoreOptions> = {}): RedisReplayStore => {
        const { client } = opened
        const store = redisReplayStore({ client, prefix: `${randomUUID()}:`, deadlineMs: 2000, ...options })
        stores.push(store)
        return store
      }

      beforeEach(async () => {
        opened = await openClient(server.port)
        stores = []
      })

      afterEach(() => {
        for (const store of stores) store.close?.()
        opened.close()
      })

      describeReplayStore(library, async (settings) => {
        const store = open(settings)
        await store.ready()
        return store
      })

      it('shares claims and nonces between processes', async () => {
        const clock = createFakeClock()
        const environment = createFakeEnvironment(clock)
        const prefix = `${randomUUID()}:`
        const [one, two] = [open({ clock, prefix }), open({ clock, prefix })]
        await Promise.all([one.ready(), two.ready()])
        const claim = aClaim({ created: NOON - 60, nonce: one.issueNonce(environment) })
        expect(await two.claim(claim, environment)).toBe('claimed')
        expect(await one.claim(claim, environment)).toBe('replayed')
      })

      it('is open for a process that starts later to what was signed before it', async () => {
        const clock = createFakeClock()
        const environment = createFakeEnvironment(clock)
        const prefix = `${randomUUID()}:`
        await open({ clock, prefix }).ready()
        clock.advance(60_000)
        const late = open({ clock, prefix })
        await late.ready()
        expect(await late.claim(aClaim({ created: NOON + 10 }), environment)).toBe('claimed')
      })

      it('asks for the server by itself with the first claim', async () => {
        const clock = createFakeClock()
        expect(await open({ clock }).claim(aClaim(), createFakeEnvironment(clock))).toBe('claimed')
      })

      it('sends two commands, together, for a claim', async () => {
        const clock = createFakeClock()
        const environment = createFakeEnvironment(clock)
        const store = open({ clock })
        await store.ready()
        await server.admin.config('RESETSTAT')
        await store.claim(aClaim(), environment)
        const stats = await server.admin.info('commandstats')
        expect(stats).toContain('cmdstat_set:calls=1,')
        expect(stats).toContain('cmdstat_mget:calls=1,')
        expect(stats.match(/cmdstat_/g)).toHaveLength(3)
      })

      it('keeps a claim in Redis for the proof, the skew and two seconds, and no longer', async () => {
        const clock = createFakeClock()
        const prefix = `${randomUUID()}:`
        await open({ clock, prefix }).claim(aClaim(), createFakeEnvironment(clock))
        const keys = (await server.admin.keys(`${prefix}*`)).filter((key) => !key.includes('epoch'))
        expect(keys).toHaveLength(1)
        const ttlMs = await server.admin.pttl(keys[0] ?? '')
        expect(ttlMs).toBeLessThanOrEqual(332_000)
        expect(ttlMs).toBeGreaterThan(330_000)
      })
    })
  }

  it('fails its start when nobody answers', async () => {
    const { client, close } = await CLIENTS.ioredis(1)
    const store = redisReplayStore({ client })
    await expect(store.ready()).rejects.toMatchObject({ code: 'replay_store_unavailable', dependency: 'replay' })
    store.close()
    close()
  })
})

describe('redisReplayStore', () => {
  it('needs a client', () => {
    const options = JSON.parse('{}')
    expect(() => redisReplayStore(options)).toThrow('ERR_OPTION_MISSING')
  })

  it('refuses pools, whose commands go several ways', () => {
    const pool = createClientPool()
    const error = catchError(() => redisReplayStore({ client: pool }))
    expect(error).toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('cannot use a pool') })
  })

  it('refuses options that it does not know', () => {
    const client = { call: async () => 'OK', on: () => undefined, off: () => undefined }
    const options = { client, deadline: 50 }
    expect(() => redisReplayStore(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
    expect(isMisconfigured(catchError(() => redisReplayStore({ client, deadlineMs: 0 })))).toBe(true)
  })
})

function catchError(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return error
  }
}
