import { setTimeout as sleep } from 'node:timers/promises'
import { isMisconfigured } from '@countermark/core'
import { type RedisReplayStoreOptions, redisReplayStore } from '../src/index.ts'
import { createFakeClock, createFakeEnvironment } from './fake-environment.ts'
import { createClaim, createGuarded, expectNoReplay, type Guarded } from './guarded-store.ts'
import { CLIENTS, type OpenedClient } from './redis-clients.ts'
import { describeWithRedis, type RedisServer, startRedis } from './redis-server.ts'
import { startRelay, type TcpRelay } from './tcp-relay.ts'

describeWithRedis('redisReplayStore, when Redis fails', () => {
  const cleanups: (() => unknown)[] = []

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const start = async (settings?: readonly string[]): Promise<RedisServer> => {
    const server = await startRedis(settings)
    cleanups.push(server.stop)
    return server
  }

  for (const [library, openClient] of Object.entries(CLIENTS)) {
    describe(`with ${library}`, () => {
      const open = async (port: number): Promise<OpenedClient> => {
        const opened = await openClient(port)
        cleanups.push(opened.close)
        return opened
      }

      const guard = async (port: number, options: Partial<RedisReplayStoreOptions> = {}): Promise<Guarded> => {
        const { client } = await open(port)
        const clock = createFakeClock()
        const store = redisReplayStore({
          client,
          clock,
          fence: 'strict',
          prefix: 'faults:',
          deadlineMs: 300,
          ...options,
        })
        cleanups.push(store.close)
        await store.ready()
        clock.advance(40_000)
        return createGuarded(store, clock)
      }

      it.each([
        ['nothing', [], 'PING'],
        ['a snapshot from before', [], 'SAVE'],
        ['everything', ['--appendonly', 'yes', '--appendfsync', 'always'], 'PING'],
      ])('accepts no replay after kill -9 and a restart with %s on disk', async (_, settings, command) => {
        const server = await start(settings)
        const guarded = await guard(server.port)
        await server.admin.call(command)
        const accepted = await guarded.accept(100)
        await server.kill()
        await expectNoReplay(guarded, accepted)
        await server.restart()
        await expectNoReplay(guarded, accepted)
        await guarded.recover()
        await expectNoReplay(guarded, accepted)
      })

      it('accepts no replay after FLUSHALL, also not by a process that was not there', async () => {
        const server = await start()
        const guarded = await guard(server.port)
        const accepted = await guarded.accept(100)
        await server.admin.flushall()
        const { client } = await open(server.port)
        const late = redisReplayStore({ client, clock: guarded.clock, fence: 'strict', prefix: 'faults:' })
        cleanups.push(late.close)
        await expectNoReplay(createGuarded(late, guarded.clock), accepted)
        await expectNoReplay(guarded, accepted)
        await guarded.recover()
      })

      it('says once that its memory is lost, not that a request is a replay', async () => {
        const server = await start()
        const guarded = await guard(server.port)
        await server.admin.flushall()
        const first = createClaim(guarded.clock)
        expect(await guarded.present(first)).toBe('unproven')
        const nonce = guarded.store.issueNonce(guarded.environment)
        expect(await guarded.present({ ...createClaim(guarded.clock), nonce })).toBe('claimed')
      })

      it('accepts no replay after a replica that lagged behind is promoted', async () => {
        const { primary, replica, relay, lag } = await startLaggingPair(start, cleanups)
        const guarded = await guard(relay.port)
        await lag()
        const accepted = await guarded.accept(100)
        await primary.kill()
        await replica.admin.replicaof('NO', 'ONE')
        expect(await replica.admin.dbsize()).toBeLessThan(accepted.length)
        relay.switchTo(replica.port)
        await expectNoReplay(guarded, accepted)
        await guarded.recover()
        await expectNoReplay(guarded, accepted)
      })

      it('accepts no replay when it comes back to a server that it left', async () => {
        const [first, second] = [await start(), await start()]
        const relay = await startRelay(first.port)
        cleanups.push(relay.close)
        const guarded = await guard(relay.port)
        const nonces = Array.from({ length: 10 }, () => guarded.store.issueNonce(guarded.environment))
        relay.switchTo(second.port)
        await guarded.recover()
        guarded.clock.advance(40_000)
        const withNonces = nonces.map((nonce) => ({ ...createClaim(guarded.clock), nonce }))
        expect(new Set(await Promise.all(withNonces.map(guarded.present)))).toEqual(new Set(['claimed']))
        const accepted = [...withNonces, ...(await guarded.accept(100))]
        relay.switchTo(first.port)
        await expectNoReplay(guarded, accepted)
        await guarded.recover()
        await expectNoReplay(guarded, accepted)
      })

      it('costs a request the deadline at most when Redis hangs, and nothing after five of them', async () => {
        const server = await start()
        const guarded = await guard(server.port, { deadlineMs: 50 })
        server.freeze()
        const outcomes = [1, 2, 3, 4, 5].map(() => guarded.present(createClaim(guarded.clock)))
        const startedMs = performance.now()
        expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['replay_store_unavailable']))
        expect(performance.now() - startedMs).toBeLessThan(500)
        const openedMs = performance.now()
        for (let index = 0; index < 100; index++) await guarded.present(createClaim(guarded.clock))
        expect(performance.now() - openedMs).toBeLessThan(500)
        server.thaw()
        await guarded.recover()
        const degraded = guarded.environment.measurements.filter(({ name }) => name === 'degraded')
        expect(degraded.map(({ value, labels }) => [value, labels])).toEqual([
          [1, { dependency: 'replay' }],
          [0, { dependency: 'replay' }],
        ])
      })

      it('does not call a request a replay whose claim was written although the answer came too late', async () => {
        const server = await start()
        const guarded = await guard(server.port, { deadlineMs: 50 })
        server.freeze()
        const claim = createClaim(guarded.clock)
        expect(await guarded.present(claim)).toBe('replay_store_unavailable')
        server.thaw()
        await untilWritten(server)
        const retries = await Promise.all([guarded.present(claim), guarded.present(claim), guarded.present(claim)])
        expect([...retries].sort()).toEqual(['claimed', 'replayed', 'replayed'])
      })

      it('refuses a server that is full, and replays nothing', async () => {
        const server = await start(['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'])
        const guarded = await guard(server.port)
        const accepted = await guarded.accept(20)
        await server.admin.config('SET', 'maxmemory', '1')
        expect(await guarded.present(createClaim(guarded.clock))).toBe('replay_store_unavailable')
        await expectNoReplay(guarded, accepted)
        await server.admin.config('SET', 'maxmemory', '0')
        await guarded.recover()
      })

      it.each(['allkeys-lru', 'volatile-ttl'])('does not start with a server that makes room by %s', async (policy) => {
        const server = await start(['--maxmemory', '3mb', '--maxmemory-policy', policy])
        const { client } = await open(server.port)
        const store = redisReplayStore({ client })
        cleanups.push(store.close)
        const error = await store.ready().catch((reason: unknown) => reason)
        expect(isMisconfigured(error) && error.code).toBe('ERR_REPLAY_STORE_UNSAFE')
        const clock = createFakeClock()
        expect(await createGuarded(store, clock).present(createClaim(clock))).toBe('replay_store_unavailable')
      })

      it('starts with a server that makes room when told to, and reports it', async () => {
        const server = await start(['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'])
        const { client } = await open(server.port)
        const clock = createFakeClock()
        const environment = createFakeEnvironment(clock)
        const store = redisReplayStore({ client, clock, allowEviction: true, deadlineMs: 1000 })
        cleanups.push(store.close)
        expect(await store.claim(createClaim(clock), environment)).toBe('claimed')
        const labels = { store: 'redis' }
        expect(environment.measurements).toContainEqual({
          name: 'replay_store_evicts',
          kind: 'gauge',
          value: 1,
          labels,
        })
      })
    })
  }
})

async function startLaggingPair(
  start: (settings?: readonly string[]) => Promise<RedisServer>,
  cleanups: (() => unknown)[],
): Promise<{ primary: RedisServer; replica: RedisServer; relay: TcpRelay; lag: () => Promise<void> }> {
  const primary = await start(['--repl-diskless-sync-delay', '0'])
  const replica = await start()
  const replication = await startRelay(primary.port)
  const relay = await startRelay(primary.port)
  cleanups.push(replication.close, relay.close)
  await replica.admin.replicaof('127.0.0.1', replication.port)
  while (!(await replica.admin.info('replication')).includes('master_link_status:up')) await sleep(20)
  const lag = async (): Promise<void> => {
    // With the epoch, but without a claim.
    while ((await replica.admin.dbsize()) === 0) await sleep(20)
    replication.clog()
  }
  return { primary, replica, relay, lag }
}

async function untilWritten(server: RedisServer): Promise<void> {
  while ((await server.admin.dbsize()) < 2) await sleep(10)
}
