import { randomBytes, randomUUID } from 'node:crypto'
import type { ReplayClaim } from '@countermark/core'
import { Redis } from 'ioredis'
import { type RedisReplayStore, type RedisReplayStoreOptions, redisReplayStore } from '../src/index.ts'
import { createFakeClock, createFakeEnvironment, type FakeClock, NOON_MS } from './fake-environment.ts'
import { describeWithRedis, type RedisServer, startRedis } from './redis-server.ts'

const NOON = NOON_MS / 1000

describeWithRedis('redisReplayStore, when a clock is set', () => {
  let server: RedisServer
  let client: Redis
  let serverStepMs: number
  const stores: RedisReplayStore[] = []

  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.port)
  })

  beforeEach(() => {
    serverStepMs = 0
  })

  afterEach(() => {
    for (const store of stores.splice(0)) store.close()
  })

  afterAll(async () => {
    client.disconnect()
    await server.stop()
  })

  /** A process whose server tells the time of the fake clock, but for the step that a test makes. */
  const open = async (clock: FakeClock, prefix: string): Promise<RedisReplayStore> => {
    const call = async (command: string, ...args: string[]): Promise<unknown> => {
      if (command !== 'TIME') return client.call(command, ...args)
      const timeMs = clock.wallMs() + serverStepMs
      return [String(Math.floor(timeMs / 1000)), '0']
    }
    const on = (event: string, listener: () => void): unknown => client.on(event, listener)
    const off = (event: string, listener: () => void): unknown => client.off(event, listener)
    const store = redisReplayStore({ client: { call, on, off }, clock, prefix, deadlineMs: 2000, onClockJump: 'fence' })
    stores.push(store)
    await store.ready()
    return store
  }

  const aClaim = (createdAfterNoon: number, nonce?: string): ReplayClaim => {
    const created = NOON + createdAfterNoon
    return { id: randomBytes(32), thumbprint: 'a key', created, acceptUntil: created + 300, nonce }
  }

  it("gives all processes a new epoch when the server's clock is set, because keys may have expired", async () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const one = await open(clock, 'server:')
    clock.advance(10_000)
    expect(await one.claim(aClaim(5), environment)).toBe('claimed')
    // The look that the claim began must not be the one that meets the step.
    await one.ready()
    clock.advance(2000)
    serverStepMs = 60_000
    await one.claim(aClaim(5), environment)
    await one.ready()
    expect(await one.claim(aClaim(5), environment)).toBe('unproven')
    const two = await open(clock, 'server:')
    expect(await two.claim(aClaim(5), environment)).toBe('unproven')
    expect(await two.claim(aClaim(5, one.issueNonce(environment)), environment)).toBe('claimed')
    const fences = environment.measurements.filter(({ name }) => name === 'replay_fences_total')
    expect(fences.map(({ labels }) => labels)).toEqual([{ store: 'redis', reason: 'server_clock_jump' }])
  })

  it('asks for proof of what may have been accepted before its own clock was set back, and of nothing else', async () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    const [one, two] = [await open(clock, 'own:'), await open(createFakeClock(NOON_MS + 3600_000), 'own:')]
    clock.advance(3600_000)
    expect(await one.claim(aClaim(3590), environment)).toBe('claimed')
    clock.jump(-3590_000)
    expect(await one.claim(aClaim(5), environment)).toBe('unproven')
    expect(await one.claim(aClaim(5, one.issueNonce(environment)), environment)).toBe('claimed')
    expect(await two.claim(aClaim(3600), createFakeEnvironment(createFakeClock(NOON_MS + 3600_000)))).toBe('claimed')
  })

  it("tells how far the server's clock is from its own", async () => {
    const clock = createFakeClock()
    const environment = createFakeEnvironment(clock)
    serverStepMs = 7000
    const store = await open(clock, 'offset:')
    await store.claim(aClaim(0), environment)
    clock.advance(1000)
    await store.claim(aClaim(0), environment)
    await store.ready()
    const labels = { store: 'redis' }
    const offset = { name: 'replay_store_clock_offset_seconds', kind: 'gauge', value: 7, labels }
    expect(environment.measurements).toContainEqual(offset)
  })

  describe('and the store was given none', () => {
    const openByGuard = async (options: Partial<RedisReplayStoreOptions> = {}): Promise<RedisReplayStore> => {
      const store = redisReplayStore({ client, prefix: `${randomUUID()}:`, deadlineMs: 2000, ...options })
      stores.push(store)
      return store
    }

    it.each([
      ['before', false],
      ['after', true],
    ])('remembers since its start by the clock of the guard that comes %s it is ready', async (_, isReady) => {
      const clock = createFakeClock()
      const environment = createFakeEnvironment(clock)
      const store = await openByGuard()
      if (isReady) await store.ready()
      store.useClock(clock)
      await store.ready()
      const claim = aClaim(0)
      expect([await store.claim(claim, environment), await store.claim(claim, environment)]).toEqual([
        'claimed',
        'replayed',
      ])
      expect(await store.claim(aClaim(-60), environment)).toBe('unproven')
      expect(await store.claim(aClaim(-60, store.issueNonce(environment)), environment)).toBe('claimed')
    })

    it('goes by the first clock of several', async () => {
      const clock = createFakeClock()
      const store = await openByGuard()
      await store.ready()
      store.useClock(clock)
      store.useClock({ wallMs: () => 0, monotonicMs: () => 0 })
      expect(await store.claim(aClaim(-60), createFakeEnvironment(clock))).toBe('unproven')
    })

    it('keeps the start that it was told', async () => {
      const clock = createFakeClock()
      const store = await openByGuard({ startedAt: NOON_MS - 60_000 })
      await store.ready()
      store.useClock(clock)
      expect(await store.claim(aClaim(-60), createFakeEnvironment(clock))).toBe('claimed')
    })
  })
})
